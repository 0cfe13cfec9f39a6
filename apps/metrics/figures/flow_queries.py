"""How work flows: distributions, what waits and when, and how much is under way."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from apps.metrics.figures import queries
from apps.metrics.figures.expressions import Bucket, HoursAfter, Percentiles, grouped_counts
from apps.metrics.figures.queries import DURATIONS, FROM_FIRST_COMMIT, Spread
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import SIZES
from apps.metrics.filters.periods import Period, midnight
from apps.metrics.models import PullRequest, TimelineEvent
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
_TURNS = ("convert_to_draft", "reopened")
_CHANGES = ("ready_for_review", *_TURNS, "closed", "merged")
Span = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Distributions:
    """Of merged pull requests: how many took how long by stage and `BINS`, and by size."""

    figures: queries.Figures
    histograms: dict[str, list[int]]
    by_size: dict[str, Spread]
    """Cycle times, of the sizes that there are."""


def distributions(team: Team, filters: Filters) -> Distributions:
    """Of the filters' period, in one query."""
    places = range(len(BINS))
    counts: dict[str, Any] = {
        f"{name}_{place}": Count("pk", filter=_in_bin(name, place))
        for name in DURATIONS
        for place in places
    }
    for size in SIZES:
        young = Q(size=size, has_old_commit=False)
        counts[f"{size}_count"] = Count("cycle_time", filter=young)
        counts[f"{size}_spread"] = Percentiles("cycle_time", filter=young)
    figures, row = queries.figures_and(team, filters, counts)
    return Distributions(
        figures,
        {name: [row[f"{name}_{place}"] for place in places] for name in DURATIONS},
        {
            size: Spread.of(row[f"{size}_count"], row[f"{size}_spread"])
            for size in SIZES
            if figures.sizes[size]
        },
    )


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
class Turned:
    """A pull request that was reopened or became a draft again, and what happened to it."""

    opened_at: datetime
    ready_at: datetime | None
    closed_at: datetime | None
    events: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def plain(self) -> list[Span]:
        """When it was under way if it had gone straight on, as the database counts it."""
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
    turned: Sequence[Turned]

    @property
    def reopened(self) -> int:
        """How many were reopened."""
        return sum(
            any(kind == "reopened" and self._has(at) for at, kind in each.events)
            for each in self.turned
        )

    def _has(self, instant: datetime) -> bool:
        return self.period.start <= instant < self.period.end

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
    """Of the filters' period, in two queries."""
    period, hours = filters.period, _hours(filters.period, now)
    end = Coalesce("first_review_at", "closed_at")
    straight = Q(ready_at__isnull=False) & (Q(closed_at=None) | Q(closed_at__gt=F("ready_at")))
    waited = Q(ready_at__isnull=False) & (Q(end=None) | Q(end__gt=F("ready_at")))
    gone = Q(state=PullRequest.State.CLOSED, closed_at__gte=period.start, closed_at__lt=period.end)
    midnights = _midnights(period)
    groups: dict[str, tuple[Q, Any]] = {
        "begun": (straight, Bucket(F("ready_at"), midnights)),
        "ended": (straight, Bucket(F("closed_at"), midnights)),
        "waits_begun": (waited, HoursAfter(F("ready_at"), period.start, hours)),
        "waits_ended": (waited, HoursAfter(F("end"), period.start, hours)),
        "gone": (gone, Value(1)),
    }
    cases = {name: Case(When(condition, then=value)) for name, (condition, value) in groups.items()}
    found = _open_within(queries.pull_requests(team, filters), period)
    counts = dict(
        zip(groups, grouped_counts(found.annotate(end=end).annotate(**cases), *groups), strict=True)
    )
    abandoned = counts.pop("gone")[1]
    return Work(period, now, **counts, abandoned=abandoned, turned=_turned(team, filters))


def _open_within(found: QuerySet[Any], period: Period, prefix: str = "") -> QuerySet[Any]:
    # By state, since an index has it together with either instant; and nothing beside the two
    # kinds, since SQLite would rather read all that was ever opened before the end.
    before = {f"{prefix}opened_at__lt": period.end}
    still_open = Q(**{f"{prefix}state": PullRequest.State.OPEN, **before})
    ended = [PullRequest.State.MERGED, PullRequest.State.CLOSED]
    later = Q(**{f"{prefix}state__in": ended, f"{prefix}closed_at__gte": period.start, **before})
    return found.filter(still_open | later)


def _turned(team: Team, filters: Filters) -> list[Turned]:
    turns = _open_within(
        TimelineEvent.objects.for_team(team).filter(filters.condition("pull_request__")),
        filters.period,
        "pull_request__",
    ).filter(kind__in=_TURNS)
    rows = TimelineEvent.objects.filter(
        pull_request__in=turns.order_by().values("pull_request"), kind__in=_CHANGES
    )
    columns = [f"pull_request__{name}" for name in ("opened_at", "ready_at", "closed_at")]
    found: dict[int, Turned] = {}
    for pk, at, kind, *instants in rows.order_by("at", "pk").values_list(
        "pull_request", "at", "kind", *columns
    ):
        found.setdefault(pk, Turned(*instants)).events.append((at, kind))
    return list(found.values())


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
