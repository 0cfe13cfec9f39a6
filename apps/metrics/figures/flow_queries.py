"""How work flows: distributions, what waits and when, and how much is under way."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, islice
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from apps.metrics.figures import counting, masks, queries, waiting_queries
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import KINDS, NONE, SIZES, WAITING
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.queries import DURATIONS
from apps.metrics.figures.rows import Columns, Rows
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period, midnight
from apps.metrics.models import TimelineEvent
from apps.teams.models import Team

HOUR, DAY = 3600, 86400
BINS = (
    ("< 15 min", 0),
    ("15 min", 15 * 60),
    ("1 h", HOUR),
    ("4 h", 4 * HOUR),
    ("8 h", 8 * HOUR),
    ("1 d", DAY),
    ("2 d", 2 * DAY),
    ("4 d", 4 * DAY),
    ("1 week", 7 * DAY),
    ("2 weeks", 14 * DAY),
    ("4 weeks", 28 * DAY),
)
AGES = (
    ("under 1 day", 0),
    ("1–3 days", 1),
    ("3–7 days", 3),
    ("1–2 weeks", 7),
    ("2–4 weeks", 14),
    ("> 4 weeks", 28),
)
Span = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Distributions:
    """Of merged pull requests: how many took how long by stage and `BINS`, and by size."""

    figures: queries.Figures
    histograms: dict[str, list[int]]
    by_size: dict[str, Spread]
    """Cycle times, of the sizes that there are."""


def distributions(team: Team, filters: Filters) -> Distributions:
    """Of the filters' period."""
    rows = masks.merged(team, filters, filters.period)
    figures = queries.of_rows(rows, filters.period.weeks)
    young = rows["has_old_commit"] == 0
    sized = young & (rows["size"] >= 0)
    cycle_times = counting.spreads(rows["cycle_time"][sized], rows["size"][sized], len(SIZES))
    by_size = zip(SIZES, cycle_times, strict=True)
    return Distributions(
        figures,
        {name: _histogram(rows[name][masks.counted(rows, name)]) for name in DURATIONS},
        {size: found for size, found in by_size if figures.sizes[size]},
    )


def _histogram(seconds: Array) -> list[int]:
    places = counting.bins(seconds, [begin for _, begin in BINS])
    return counting.counts(places, len(BINS))


def open_by_age(team: Team, filters: Filters, now: datetime) -> dict[str, list[int]]:
    """Open pull requests by what they wait for and `AGES`."""
    rows = waiting_queries.open_now(team, filters)
    since = [opened_before(now, days) for _, days in reversed(AGES[1:])]
    ages = len(AGES) - 2 - counting.bins(rows["opened_at"], since)
    counts = counting.table(rows["waiting_for"], len(WAITING), ages, len(AGES))
    return {name: found for name, found in zip(WAITING, counts, strict=True) if any(found)}


def opened_before(now: datetime, days: int) -> float:
    """Pull requests opened before this instant are more than so many days old."""
    return (now - timedelta(days=days)).timestamp()


@dataclass(frozen=True)
class Turned:
    """A pull request that was reopened or became a draft again, and what happened to it."""

    opened_at: datetime
    ready_at: datetime | None
    closed_at: datetime | None
    events: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def plain(self) -> list[Span]:
        """When it was under way if it had gone straight on, as it is counted first."""
        if not self.ready_at or (self.closed_at and self.closed_at <= self.ready_at):
            return []
        return [(self.ready_at, self.closed_at)]

    @property
    def real(self) -> list[Span]:
        """When it was under way."""
        return list(spans(self.opened_at, self.ready_at == self.opened_at, self.events))


@dataclass(frozen=True)
class Work:
    """What was open at some time of a period: how much of it changed on which day, in which hour.

    Day 0 is before the period. Hours are counted from its beginning; what went to and fro is
    counted as if it had gone straight on, and `turned` beside it.
    """

    period: Period
    now: datetime
    begun: Counter[int]
    ended: Counter[int]
    waits_begun: Counter[int]
    waits_ended: Counter[int]
    abandoned: int
    reopened: int
    turned: Sequence[Turned]

    def in_progress(self) -> list[int | None]:
        """How many were open and no drafts at the end of each day; None for days to come."""
        midnights = _midnights(self.period)
        changes = Counter(self.begun)
        changes.subtract(self.ended)
        for each in self.turned:
            _count(changes, each.real, midnights, 1)
            _count(changes, each.plain, midnights, -1)
        counts = accumulate(changes[day] for day in range(self.period.days + 1))
        return [
            None if begin > self.now else count
            for begin, count in zip(midnights, islice(counts, 1, None), strict=False)
        ]

    def waiting_hours(self) -> list[list[float]]:
        """How many waited for a first review, on average, by weekday (from Monday) and hour.

        A wait counts in each hour at whose beginning it lasts.
        """
        changes = Counter(self.waits_begun)
        changes.subtract(self.waits_ended)
        hours = range(_hours(self.period, self.now))
        return _by_weekday(list(accumulate(changes[hour] for hour in hours)), self.period)


def _count(
    changes: Counter[int], found: Iterable[Span], midnights: Sequence[datetime], sign: int
) -> None:
    for begin, end in found:
        changes[bisect_right(midnights, begin)] += sign
        if end:
            changes[bisect_right(midnights, end)] -= sign


def work(team: Team, filters: Filters, now: datetime) -> Work:
    """Of the filters' period."""
    period, hours = filters.period, _hours(filters.period, now)
    rows = _open_within(masks.pull_requests(team, filters), period)
    ready, closed = rows["ready_at"], rows["closed_at"]
    straight = (ready != NONE) & ((closed == NONE) | (closed > ready))
    begin, end = waits(rows)
    gone = rows.where("state", masks.CLOSED).between("closed_at", *masks.ends(period))
    return Work(
        period,
        now,
        begun=_by_day(ready[straight], period),
        ended=_by_day(closed[straight], period),
        waits_begun=_by_hour(begin, period, hours),
        waits_ended=_by_hour(end, period, hours),
        abandoned=len(gone),
        reopened=len(reopened(rows, period)),
        turned=list(_turned(rows).values()),
    )


def waits(rows: Columns) -> tuple[Array, Array]:
    """When each began to wait for its first review, and when it ceased to; both null if never."""
    ready, reviewed = rows["ready_at"], rows["first_review_at"]
    end = np.where(reviewed != NONE, reviewed, rows["closed_at"])
    waited = (ready != NONE) & ((end == NONE) | (end > ready))
    return np.where(waited, ready, NONE), np.where(waited, end, NONE)


def waited(rows: Rows, period: Period, now: datetime, weekday: int, hour: int) -> Rows:
    """Those that waited for their first review at the beginning of such an hour."""
    begin = period.start.astimezone(UTC)
    hours = (begin + timedelta(hours=place) for place in range(_hours(period, now)))
    locals_ = ((each, each.astimezone(period.zone)) for each in hours)
    instants = np.array(
        [e.timestamp() for e, at in locals_ if (at.weekday(), at.hour) == (weekday, hour)]
    )

    def did(part: Columns) -> Array:
        begin, end = waits(part)
        end = np.where(end == NONE, np.iinfo(np.int64).max, end)
        found: Array = np.searchsorted(instants, begin) < np.searchsorted(instants, end)
        has_waited: Array = begin != NONE
        return has_waited & found

    return rows.keep(did)


def reopened(rows: Rows, period: Period) -> Rows:
    """Those reopened in the period."""
    begin, end = masks.ends(period)
    kind = KINDS.index(TimelineEvent.Kind.REOPENED)
    events = rows.below(
        "turned", lambda of: (of["kind"] == kind) & (of["at"] >= begin) & (of["at"] < end)
    )
    return rows.among(events["pull_request_id"])


def under_way(rows: Rows, day: date, zone: ZoneInfo) -> Rows:
    """Those that were open and no drafts at the end of a day."""
    end = midnight(day + timedelta(days=1), zone)
    turned = _turned(rows)
    were = [key for key, each in turned.items() if any(_lasts(span, end) for span in each.real)]

    def straight(part: Columns) -> Array:
        ready, closed, instant = part["ready_at"], part["closed_at"], end.timestamp()
        lasted: Array = (ready != NONE) & (ready < instant)
        has_lasted: Array = (closed == NONE) | (closed >= instant)
        return lasted & has_lasted

    def is_under_way(part: Columns) -> Array:
        has_turned = np.isin(part["id"], list(turned))
        return np.where(has_turned, np.isin(part["id"], were), straight(part))

    return rows.keep(is_under_way)


def _lasts(span: Span, instant: datetime) -> bool:
    begin, end = span
    return begin < instant and (end is None or end >= instant)


def _by_day(instants: Array, period: Period) -> Counter[int]:
    midnights = [each.timestamp() for each in _midnights(period)]
    return _counted(counting.bins(instants[instants != NONE], midnights) + 1)


def _by_hour(instants: Array, period: Period, most: int) -> Counter[int]:
    """The whole hours from the period's beginning, rounded up; at least 0, at most `most`."""
    hours = np.ceil((instants[instants != NONE] - period.start.timestamp()) / HOUR)
    return _counted(np.clip(hours, 0, most).astype(np.int64))


def _counted(places: Array) -> Counter[int]:
    found, counts = np.unique(places, return_counts=True)
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def _open_within(rows: Rows, period: Period) -> Rows:
    begin, end = masks.ends(period)
    before = rows.keep(lambda part: part["opened_at"] < end)
    return before.keep(lambda part: (part["state"] == masks.OPEN) | (part["closed_at"] >= begin))


def _turned(rows: Rows) -> dict[int, Turned]:
    events = rows.below("turned")
    instants = [events.of_pull_request(name) for name in ("opened_at", "ready_at", "closed_at")]
    found: dict[int, Turned] = {}
    for place in np.lexsort((events["id"], events["at"])).tolist():
        turned = Turned(*(_instant(each[place]) for each in instants))
        key = int(events["pull_request_id"][place])
        event = (_instant(events["at"][place]), KINDS[events["kind"][place]])
        found.setdefault(key, turned).events.append(event)
    return found


def _instant(seconds: int) -> Any:
    return None if seconds == NONE else datetime.fromtimestamp(int(seconds), UTC)


def _midnights(period: Period) -> list[datetime]:
    days = range(period.days + 1)
    return [midnight(period.first + timedelta(days=day), period.zone) for day in days]


def _hours(period: Period, now: datetime) -> int:
    """How many hours of a period have begun to pass."""
    last = min(period.end, now)
    return max(math.ceil((last - period.start).total_seconds() / HOUR), 0)


def spans(
    opened_at: datetime, is_ready: bool, events: Iterable[tuple[datetime, str]]
) -> Iterator[Span]:
    """When one was open and no draft, from its events in order."""
    is_open = True
    begin: datetime | None = opened_at if is_ready else None
    for at, kind in events:
        is_ready = (is_ready or kind == "ready_for_review") and kind != "convert_to_draft"
        is_open = (is_open or kind == "reopened") and kind not in ("closed", "merged")
        if begin and not (is_open and is_ready):
            yield begin, at
            begin = None
        elif not begin and is_open and is_ready:
            begin = at
    if begin:
        yield begin, None


def _by_weekday(waiting: Sequence[int], period: Period) -> list[list[float]]:
    sums = [[0] * 24 for _ in range(7)]
    counts = [[0] * 24 for _ in range(7)]
    begin = period.start.astimezone(UTC)
    for place, number in enumerate(waiting):
        local = (begin + timedelta(hours=place)).astimezone(period.zone)
        sums[local.weekday()][local.hour] += number
        counts[local.weekday()][local.hour] += 1
    return [
        [total / count if count else 0.0 for total, count in zip(*row, strict=True)]
        for row in zip(sums, counts, strict=True)
    ]
