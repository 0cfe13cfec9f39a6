"""How work flows: distributions, what waits and when, and how much is in progress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from apps.metrics.figures import counting, masks, queries, waiting_queries
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE, SIZES, WAITING
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.queries import DURATIONS
from apps.metrics.figures.rows import Columns, Rows
from apps.metrics.figures.turned import REOPENED, spans
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period, midnight
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


@dataclass(frozen=True)
class Distributions:
    """For merged pull requests: how many took how long by stage and `BINS`, and by size."""

    figures: queries.Figures
    histograms: dict[str, list[int]]
    by_size: dict[str, Spread]
    """Cycle times, by the sizes that occur."""


def distributions(team: Team, filters: Filters) -> Distributions:
    """For the filters' period."""
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
    """Pull requests opened before this time are more than this many days old."""
    return (now - timedelta(days=days)).timestamp()


@dataclass(frozen=True)
class Work:
    """What was open during a period: the change on each day and in each hour.

    Day 0 is before the period. Hours count from its beginning.
    """

    period: Period
    now: datetime
    days: Array
    hours: Array
    abandoned: int
    reopened: int

    def in_progress(self) -> list[int | None]:
        """How many were open and ready at the end of each day; None for days to come."""
        counts = np.cumsum(self.days)[1:].tolist()
        return [
            None if begin > self.now else count
            for begin, count in zip(_midnights(self.period), counts, strict=False)
        ]

    def waiting_hours(self) -> list[list[float]]:
        """How many waited for a first review, on average, by weekday (from Monday) and hour.

        A wait counts in each hour at whose beginning it lasts.
        """
        waiting = np.cumsum(self.hours)[:-1]
        places = _hours_of_week(self.period, len(waiting))
        sums, counts = np.bincount(places, waiting, 7 * 24), np.bincount(places, minlength=7 * 24)
        means = sums / np.maximum(counts, 1)
        found: list[list[float]] = means.reshape(7, 24).tolist()
        return found


def work(team: Team, filters: Filters, now: datetime) -> Work:
    """For the filters' period."""
    period, hours = filters.period, _hours(filters.period, now)
    rows = _open_within(masks.pull_requests(team, filters), period)
    turned = spans(rows)
    straight = _straight(rows) & ~turned.turned
    begins = np.concatenate([rows["ready_at"][straight], turned.begins])
    ends = np.concatenate([rows["closed_at"][straight], turned.ends])
    begin, end = waits(rows)
    gone = rows.where("state", masks.CLOSED).between("closed_at", *masks.ends(period))
    return Work(
        period,
        now,
        days=_by_day(begins, period) - _by_day(ends, period),
        hours=_by_hour(begin, period, hours) - _by_hour(end, period, hours),
        abandoned=len(gone),
        reopened=len(reopened(rows, period)),
    )


def _straight(rows: Columns) -> Array:
    """Those in progress at any time, assuming they were never reopened or redrafted."""
    ready, closed = rows["ready_at"], rows["closed_at"]
    is_straight: Array = (ready != NONE) & ((closed == NONE) | (closed > ready))
    return is_straight


def _by_day(instants: Array, period: Period) -> Array:
    """How many lie on each day; those before the period on day 0."""
    midnights = [each.timestamp() for each in _midnights(period)]
    days = counting.bins(instants[instants != NONE], midnights) + 1
    return np.bincount(days, minlength=len(midnights) + 1)[: len(midnights)]


def _by_hour(instants: Array, period: Period, most: int) -> Array:
    """By whole hours since the period's beginning, rounded up; at least 0, at most `most`."""
    begin = int(period.start.timestamp())
    hours = -((begin - instants[instants != NONE]) // HOUR)
    return np.bincount(np.clip(hours, 0, most), minlength=most + 1)


def waits(rows: Columns) -> tuple[Array, Array]:
    """When each began and ceased to wait for its first review; both null if never."""
    ready, reviewed = rows["ready_at"], rows["first_review_at"]
    end = np.where(reviewed != NONE, reviewed, rows["closed_at"])
    waited = (ready != NONE) & ((end == NONE) | (end > ready))
    return np.where(waited, ready, NONE), np.where(waited, end, NONE)


def waited(rows: Rows, period: Period, now: datetime, weekday: int, hour: int) -> Rows:
    """Those that waited for their first review at the beginning of such an hour."""
    places = _hours_of_week(period, _hours(period, now))
    instants = int(period.start.timestamp()) + HOUR * np.flatnonzero(places == 24 * weekday + hour)

    def did(part: Columns) -> Array:
        begin, end = waits(part)
        end = np.where(end == NONE, np.iinfo(np.int64).max, end)
        found: Array = np.searchsorted(instants, begin) < np.searchsorted(instants, end)
        has_waited: Array = begin != NONE
        return has_waited & found

    return rows.keep(did)


def reopened(rows: Rows, period: Period) -> Rows:
    """Those reopened in the period."""
    events = rows.below("turned", *masks.ends(period))
    which = events.pull_requests[events["kind"] == REOPENED]
    return rows.only(np.isin(rows.numbers, which))


def under_way(rows: Rows, day: date, zone: ZoneInfo) -> Rows:
    """Those that were open and ready at the end of a day."""
    instant = midnight(day + timedelta(days=1), zone).timestamp()
    turned = spans(rows)
    lasted = _lasted(turned.begins, turned.ends, instant)
    were = np.isin(rows.numbers, turned.numbers[lasted])
    straight = _lasted(rows["ready_at"], rows["closed_at"], instant)
    return rows.only(np.where(turned.turned, were, straight))


def _lasted(begins: Array, ends: Array, instant: float) -> Array:
    """Which spans had begun before a time, and not ended."""
    had_begun: Array = (begins != NONE) & (begins < instant)
    lasted: Array = had_begun & ((ends == NONE) | (ends >= instant))
    return lasted


def _open_within(rows: Rows, period: Period) -> Rows:
    begin, end = masks.ends(period)
    before = rows.keep(lambda part: part["opened_at"] < end)
    return before.keep(lambda part: (part["state"] == masks.OPEN) | (part["closed_at"] >= begin))


def _midnights(period: Period) -> list[datetime]:
    days = range(period.days + 1)
    return [midnight(period.first + timedelta(days=day), period.zone) for day in days]


def _hours(period: Period, now: datetime) -> int:
    """How many hours of a period have begun."""
    last = min(period.end, now)
    return max(math.ceil((last - period.start).total_seconds() / HOUR), 0)


def _hours_of_week(period: Period, count: int) -> Array:
    """The hour of the local week, from Monday on, of each of the period's first hours."""
    instants = int(period.start.timestamp()) + HOUR * np.arange(count, dtype=np.int64)
    # Daylight saving changes on few days: an offset at both ends of a day holds within it.
    offsets = np.array([_offset(each, period.zone) for each in instants[::24].tolist()], np.int64)
    lasts = np.append(offsets[1:], NONE)
    found = np.repeat(offsets, 24)[:count]
    for day in np.flatnonzero(offsets != lasts).tolist():
        part = slice(24 * day, 24 * day + 24)
        found[part] = [_offset(each, period.zone) for each in instants[part].tolist()]
    # 1 January 1970 was a Thursday.
    return np.asarray(((instants + found) // HOUR + 3 * 24) % (7 * 24))


def _offset(instant: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())
