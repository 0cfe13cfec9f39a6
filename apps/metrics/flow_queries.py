"""How work flows: distributions, what waits and when, and how much is under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, pairwise
from typing import Any

from django.db.models import Count, F, Q

from apps.metrics import queries
from apps.metrics.expressions import Bucket
from apps.metrics.filters import Filters
from apps.metrics.models import PullRequest, TimelineEvent
from apps.metrics.periods import Period, midnight
from apps.metrics.queries import DURATIONS, FROM_FIRST_COMMIT
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
    ("over 4 weeks", 28),
)
_TURNS = ("ready_for_review", "convert_to_draft", "closed", "reopened", "merged")
Span = tuple[datetime, datetime | None]


def figures_and_histograms(
    team: Team, filters: Filters
) -> tuple[queries.Figures, dict[str, list[int]]]:
    """Of merged pull requests, and how many took how long, by stage and `BINS`."""
    counts = {
        f"{name}_{place}": Count("pk", filter=_in_bin(name, place))
        for name in DURATIONS
        for place in range(len(BINS))
    }
    figures, row = queries.figures_and(team, filters, counts)
    return figures, {
        name: [row[f"{name}_{place}"] for place in range(len(BINS))] for name in DURATIONS
    }


def _in_bin(name: str, place: int) -> Q:
    found = Q(**{f"{name}__gte": BINS[place][1]})
    if place + 1 < len(BINS):
        found &= Q(**{f"{name}__lt": BINS[place + 1][1]})
    return found & Q(has_old_commit=False) if name in FROM_FIRST_COMMIT else found


def open_by_age(team: Team, filters: Filters, now: datetime) -> dict[str, list[int]]:
    """Open pull requests by what they wait for and `AGES`."""
    since = [now - timedelta(days=days) for _, days in reversed(AGES[1:])]
    rows: Any = (
        queries.pull_requests(team, filters)
        .filter(state=PullRequest.State.OPEN)
        .order_by()
        .annotate(group=Bucket(F("opened_at"), since))
        .values("group", "waiting_for")
        .annotate(count=Count("pk"))
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        ages = found.setdefault(row["waiting_for"], [0] * len(AGES))
        ages[len(AGES) - 1 - row["group"]] = row["count"]
    return found


@dataclass(frozen=True)
class Worked:
    """A pull request that was open at some time of a period."""

    pk: int
    state: str
    opened_at: datetime
    ready_at: datetime | None
    first_review_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True)
class Work:
    """What was open at some time of a period, and the events of those that went to and fro."""

    period: Period
    now: datetime
    worked: Sequence[Worked]
    turns: Mapping[int, Sequence[tuple[datetime, str]]]

    @property
    def abandoned(self) -> int:
        """How many were closed unmerged."""
        return sum(
            each.state == PullRequest.State.CLOSED and self._has(each.closed_at)
            for each in self.worked
        )

    @property
    def reopened(self) -> int:
        """How many were reopened."""
        return sum(
            any(kind == "reopened" and self._has(at) for at, kind in events)
            for events in self.turns.values()
        )

    def _has(self, instant: datetime | None) -> bool:
        return instant is not None and self.period.start <= instant < self.period.end

    def in_progress(self) -> list[int | None]:
        """How many were open and no drafts at the end of each day; None for days to come."""
        period = self.period
        days = [period.first + timedelta(days=place) for place in range(period.days + 1)]
        midnights = [midnight(day, period.zone) for day in days]
        changes = sorted(self._changes())
        counts, place, under_way = [], 0, 0
        for begin, end in pairwise(midnights):
            while place < len(changes) and changes[place][0] < end:
                under_way += changes[place][1]
                place += 1
            counts.append(None if begin > self.now else under_way)
        return counts

    def _changes(self) -> Iterator[tuple[datetime, int]]:
        for begin, end in chain.from_iterable(map(self._spans, self.worked)):
            yield begin, 1
            if end:
                yield end, -1

    def _spans(self, each: Worked) -> Iterator[Span]:
        if each.pk in self.turns:
            yield from spans(each.opened_at, each.ready_at == each.opened_at, self.turns[each.pk])
        elif each.ready_at:
            yield each.ready_at, each.closed_at

    def waiting_hours(self) -> list[list[float]]:
        """How many waited for a first review, on average, by weekday (from Monday) and hour.

        A wait counts in each hour at whose beginning it lasts.
        """
        first, last = self.period.start, min(self.period.end, self.now)
        hours = max(int((last - first).total_seconds() // HOUR), 0)
        changes = [0] * (hours + 1)
        for each in self.worked:
            end = each.first_review_at or each.closed_at
            if each.ready_at and (end is None or end > each.ready_at):
                start = _hour(each.ready_at, first, hours)
                changes[start] += 1
                changes[max(_hour(end, first, hours) if end else hours, start)] -= 1
        return _by_weekday(list(accumulate(changes))[:hours], self.period)


def work(team: Team, filters: Filters, now: datetime) -> Work:
    """Of the filters' period, in two queries."""
    period = filters.period
    open_then = Q(closed_at=None) | Q(closed_at__gte=period.start)
    found = queries.pull_requests(team, filters).filter(open_then, opened_at__lt=period.end)
    columns = [column.name for column in fields(Worked)]
    rows = found.values_list(*columns).iterator(chunk_size=2000)
    return Work(period, now, [Worked(*row) for row in rows], _turns(team, filters))


def _turns(team: Team, filters: Filters) -> dict[int, list[tuple[datetime, str]]]:
    back = Q(kind="convert_to_draft") | Q(kind="reopened")
    events = TimelineEvent.objects.for_team(team).filter(filters.condition("pull_request__"))
    moved = events.filter(back).order_by().values("pull_request")
    rows = events.filter(pull_request__in=moved, kind__in=_TURNS)
    found: dict[int, list[tuple[datetime, str]]] = {}
    for pk, at, kind in rows.order_by("at", "pk").values_list("pull_request", "at", "kind"):
        found.setdefault(pk, []).append((at, kind))
    return found


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


def _hour(instant: datetime, first: datetime, hours: int) -> int:
    seconds = (instant - first).total_seconds()
    return min(max(-int(-seconds // HOUR), 0), hours)


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
