"""Every aggregate over merged and open pull requests that a page, an export or the API shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, F, Max, Min, Q, QuerySet, Subquery, Sum, Value, Window
from django.db.models.functions import RowNumber

from apps.metrics.figures.expressions import Bucket, Percentiles
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import SIZES
from apps.metrics.filters.periods import Period, Span
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team

SMALLEST_BASE = 5
LARGE = 5_000  # pull requests
STAGES = ("coding_time", "pickup_time", "review_time", "merge_time")
DURATIONS = ("cycle_time", *STAGES, "time_to_merge")
# Their statistics leave out pull requests with an old commit.
FROM_FIRST_COMMIT = ("cycle_time", "coding_time")


@dataclass(frozen=True)
class Spread:
    """How values are spread; no percentiles where there are none. Durations in seconds."""

    count: int = 0
    median: float | None = None
    p75: float | None = None
    p90: float | None = None
    left_out: int = 0

    @classmethod
    def of(cls, count: int, percentiles: Sequence[float] | None, left_out: int = 0) -> Spread:
        """From what `Percentiles` gives."""
        if not percentiles:
            return cls(count, left_out=left_out)
        median, p75, p90 = percentiles
        return cls(count, median, p75, p90, left_out)


@dataclass(frozen=True)
class Figures:
    """What METRICS says about a number of merged pull requests; shares are between 0 and 1."""

    merged: int
    weeks: float
    authors: int
    old: int
    spreads: Mapping[str, Spread]
    stage_totals: Mapping[str, float]
    lines: Spread
    sizes: Mapping[str, int]
    reviewed: int
    reverts: int
    hotfixes: int
    mean_rounds: float | None

    @property
    def per_week(self) -> float:
        """Throughput: merged pull requests a week."""
        return self.merged / self.weeks

    @property
    def per_author(self) -> float | None:
        """Merged pull requests a week and active author."""
        return self.per_week / self.authors if self.authors else None

    @property
    def coverage(self) -> float | None:
        """The share that was reviewed."""
        return self.reviewed / self.merged if self.merged else None

    @property
    def revert_rate(self) -> float | None:
        """The share that reverts something."""
        return self.reverts / self.merged if self.merged else None

    @property
    def unreviewed(self) -> int:
        """How many nobody reviewed."""
        return self.merged - self.reviewed

    @property
    def stages(self) -> dict[str, Spread]:
        """The four stages, in order."""
        return {name: self.spreads[name] for name in STAGES}

    @property
    def mean_stages(self) -> dict[str, float]:
        """The stages of the average pull request: unlike medians they add up to its cycle time.

        Without those that have an old commit; a stage that did not happen counts as nothing.
        """
        count = self.merged - self.old
        return {name: total / count for name, total in self.stage_totals.items()} if count else {}


@dataclass(frozen=True)
class Change:
    """A figure beside that of the period before; no percentage against a small base."""

    now: float | None
    before: float | None
    percent: float | None

    @classmethod
    def of(cls, now: float | None, before: float | None, base: int) -> Change:
        """`base` is how many pull requests the earlier figure is from."""
        if now is None or not before or base < SMALLEST_BASE:
            return cls(now, before, None)
        return cls(now, before, (now - before) / before * 100)


@dataclass(frozen=True)
class Point:
    """The figures of a week or month; none where nothing was merged."""

    span: Span
    figures: Figures | None


@dataclass(frozen=True)
class Waiting:
    """Open pull requests that wait for the same thing: how many, and the oldest."""

    waiting_for: str
    count: int
    oldest: Sequence[PullRequest]


def pull_requests(team: Team, filters: Filters) -> QuerySet[PullRequest]:
    """All of a team that the filters let through, whenever they were."""
    found = PullRequest.objects.for_team(team)
    return found.filter(filters.condition())


def merged(team: Team, filters: Filters, period: Period) -> QuerySet[PullRequest]:
    """Those merged in the period."""
    return pull_requests(team, filters).filter(
        state=PullRequest.State.MERGED, merged_at__gte=period.start, merged_at__lt=period.end
    )


def figures(team: Team, filters: Filters) -> Figures:
    """Of the filters' period."""
    return figures_and(team, filters, {})[0]


def figures_and(
    team: Team, filters: Filters, more: Mapping[str, Any]
) -> tuple[Figures, Mapping[str, Any]]:
    """The same, and other aggregates in the same query."""
    period = filters.period
    row = merged(team, filters, period).aggregate(**_aggregates(), **more)
    return _figures(row, period.weeks), row


def figures_and_before(team: Team, filters: Filters) -> tuple[Figures, Figures]:
    """Of the filters' period and of the one before it, in one query."""
    return _now_and_before(dict(_rows(_of_both(team, filters))), filters.period)


def figures_and_series(team: Team, filters: Filters) -> tuple[tuple[Figures, Figures], list[Point]]:
    """The same, and week by week, or month by month where the period is long; in one query."""
    period = filters.period
    spans = Bucket(F("merged_at"), period.boundaries())
    each = _grouping(merged(team, filters, period), spans, is_span=Value(True))
    both = _of_both(team, filters, is_span=Value(False))
    found: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
    for place, row in _rows(both.union(each, all=True)):
        found[row["is_span"]][place] = row
    whole, rows = found
    points = [
        Point(span, _figures(rows[place], _weeks(span)) if place in rows else None)
        for place, span in enumerate(period.spans(), start=1)
    ]
    return _now_and_before(whole, period), points


def _of_both(team: Team, filters: Filters, **more: Any) -> Any:
    now, before = filters.period, filters.period.previous
    both = Period(before.first, now.last, now.zone)
    group = Bucket(F("merged_at"), [before.start, now.start])
    return _grouping(merged(team, filters, both), group, **more)


def _now_and_before(rows: Mapping[int, Any], now: Period) -> tuple[Figures, Figures]:
    before = now.previous
    return (
        _figures(rows[2], now.weeks) if 2 in rows else nothing(now),
        _figures(rows[1], before.weeks) if 1 in rows else nothing(before),
    )


def nothing(period: Period) -> Figures:
    """The figures of no pull request at all."""
    return _figures(dict.fromkeys(_aggregates()), period.weeks)


def by_repository(team: Team, filters: Filters) -> dict[Repository, Figures]:
    """Side by side, in order of their names, which one made anew shares with its predecessor."""
    known = {row.pk: row for row in Repository.objects.for_team(team)}
    rows = _grouped(merged(team, filters, filters.period), F("repository_id"))
    weeks = filters.period.weeks
    # One that came a moment ago has no name yet.
    found = {known[pk]: _figures(row, weeks) for pk, row in rows if pk in known}
    return dict(sorted(found.items(), key=lambda each: (each[0].full_name, each[0].pk)))


def by_author(team: Team, filters: Filters) -> dict[int | None, Figures]:
    """Side by side, by GitHub's id; None for deleted accounts."""
    return {account: figures for account, (_, figures) in authors(team, filters).items()}


def authors(team: Team, filters: Filters) -> dict[int | None, tuple[str, Figures]]:
    """The same, with what they are called."""
    found = merged(team, filters, filters.period).exclude(author__is_hidden=True)
    rows = _grouped(found, accounts.author(), called=Max(accounts.author_login()))
    weeks = filters.period.weeks
    return {account: (row["called"] or "", _figures(row, weeks)) for account, row in rows}


def waiting(team: Team, filters: Filters, oldest: int = 5) -> list[Waiting]:
    """Open pull requests now by what they wait for, each with its oldest first."""
    group = [F("waiting_for")]
    found = (
        pull_requests(team, filters)
        .filter(state=PullRequest.State.OPEN)
        .select_related("repository", "author")
        .annotate(
            place=Window(RowNumber(), group, [F("opened_at"), F("pk")]),
            group_size=Window(Count("pk"), group),
        )
        .filter(place__lte=oldest)
        .order_by("opened_at", "pk")
    )
    groups: dict[str, list[Any]] = {}
    for pull_request in found:
        groups.setdefault(pull_request.waiting_for, []).append(pull_request)
    return [
        Waiting(name, groups[name][0].group_size, groups[name])
        for name in ("review", "author", "merge", "", "draft")
        if name in groups
    ]


@dataclass(frozen=True)
class DataVersion:
    """What a team's data is like: `etag` changes whenever anything does that figures depend on."""

    first_opened_at: datetime | None
    fetched_at: datetime | None
    etag: str
    is_large: bool = False
    """Whether counting takes so long that a page should not wait for it."""

    @property
    def is_empty(self) -> bool:
        """Whether the team has no pull requests."""
        return self.first_opened_at is None


def data_version(team: Team, more: str = "") -> DataVersion:
    """For caches, and for pages that follow new data; `more` is what else they depend on."""
    opened = PullRequest.objects.for_team(team).order_by("opened_at").values("opened_at")
    row = Repository.objects.for_team(team).aggregate(
        count=Count("pk"),
        ids=Sum("pk"),
        revisions=Sum("revision"),
        fetched=Max("fetched_at"),
        first=Min(Subquery(opened[:1])),
        far=Min(Subquery(opened[LARGE : LARGE + 1])),
    )
    is_large = row.pop("far") is not None
    settings = [getattr(team, field.attname) for field in team._meta.concrete_fields]
    text = " ".join(map(str, [*row.values(), *settings, more]))
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return DataVersion(row["first"], row["fetched"], digest, is_large)


def _aggregates() -> dict[str, Any]:
    young, reviewed = Q(has_old_commit=False), Q(reviewer_count__gt=0)
    found: dict[str, Any] = {
        "merged": Count("pk"),
        "authors": Count(accounts.author(), distinct=True),
        "old": Count("pk", filter=Q(has_old_commit=True)),
        "sized": Count("size"),
        "lines": Percentiles(F("additions") + F("deletions")),
        "reviewed": Count("pk", filter=reviewed),
        "reverts": Count("pk", filter=Q(is_revert=True)),
        "hotfixes": Count("pk", filter=Q(is_hotfix=True)),
        "mean_rounds": Avg("review_rounds", filter=reviewed),
    }
    for name in DURATIONS:
        condition = young if name in FROM_FIRST_COMMIT else None
        found[f"{name}_spread"] = Percentiles(name, filter=condition)
        found[f"{name}_count"] = Count(name, filter=condition)
    for name in STAGES:
        found[f"{name}_total"] = Sum(name, filter=young)
    return found | {f"size_{size}": Count("pk", filter=Q(size=size)) for size in SIZES}


def _grouped(
    found: QuerySet[PullRequest], group: Any, **more: Any
) -> Iterator[tuple[Any, dict[str, Any]]]:
    return _rows(_grouping(found, group, **more))


def _grouping(found: QuerySet[PullRequest], group: Any, **more: Any) -> Any:
    grouped: Any = found.order_by().annotate(group=group).values("group")
    return grouped.annotate(**_aggregates(), **more)


def _rows(grouping: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    return ((row["group"], row) for row in grouping)


def _figures(row: Mapping[str, Any], weeks: float) -> Figures:
    old = row["old"] or 0
    return Figures(
        merged=row["merged"] or 0,
        weeks=weeks,
        authors=row["authors"] or 0,
        old=old,
        spreads={
            name: Spread.of(
                row[f"{name}_count"] or 0,
                row[f"{name}_spread"],
                old if name in FROM_FIRST_COMMIT else 0,
            )
            for name in DURATIONS
        },
        stage_totals={name: float(row[f"{name}_total"] or 0) for name in STAGES},
        lines=Spread.of(row["sized"] or 0, row["lines"]),
        sizes={size: row[f"size_{size}"] or 0 for size in SIZES},
        reviewed=row["reviewed"] or 0,
        reverts=row["reverts"] or 0,
        hotfixes=row["hotfixes"] or 0,
        mean_rounds=row["mean_rounds"],
    )


def _weeks(span: Span) -> float:
    return ((span.last - span.first).days + 1) / 7
