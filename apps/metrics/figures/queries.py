"""Every aggregate over merged and open pull requests that a page, an export or the API shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery, Sum

from apps.metrics.figures import counting, masks, names
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE, SIZES
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.masks import FROM_FIRST_COMMIT
from apps.metrics.figures.rows import Columns, Rows
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period, Span
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team

SMALLEST_BASE = 5
LARGE = 5_000  # pull requests
STAGES = ("coding_time", "pickup_time", "review_time", "merge_time")
DURATIONS = ("cycle_time", *STAGES, "time_to_merge")


@dataclass(frozen=True)
class Figures:
    """The figures of METRICS for some merged pull requests; shares are between 0 and 1."""

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
        """Merged pull requests per week and active author."""
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
        """How many were merged without a review."""
        return self.merged - self.reviewed

    @property
    def stages(self) -> dict[str, Spread]:
        """The four stages, in order."""
        return {name: self.spreads[name] for name in STAGES}

    @property
    def mean_stages(self) -> dict[str, float]:
        """The stages of the average pull request: unlike medians they add up to its cycle time.

        Without those that have an old commit; a stage that did not happen counts as 0.
        """
        count = self.merged - self.old
        return {name: total / count for name, total in self.stage_totals.items()} if count else {}


@dataclass(frozen=True)
class Change:
    """A figure compared with the period before; no percentage of a small base."""

    now: float | None
    before: float | None
    percent: float | None

    @classmethod
    def between(cls, now: float | None, before: float | None, base: int) -> Change:
        """`base` is the number of pull requests of the earlier figure."""
        if now is None or not before or base < SMALLEST_BASE:
            return cls(now, before, None)
        return cls(now, before, (now - before) / before * 100)


@dataclass(frozen=True)
class Point:
    """The figures of a week or month; None if nothing was merged."""

    span: Span
    figures: Figures | None


@shared
def figures(team: Team, filters: Filters) -> Figures:
    """For the filters' period."""
    return of_rows(masks.merged(team, filters, filters.period), filters.period.weeks)


def figures_and_before(team: Team, filters: Filters) -> tuple[Figures, Figures]:
    """For the filters' period and the one before it."""
    return _now_and_before(_of_both(team, filters), filters.period)


def figures_and_series(team: Team, filters: Filters) -> tuple[tuple[Figures, Figures], list[Point]]:
    """The same, and week by week, or month by month for a long period."""
    both = _of_both(team, filters)
    rows = both.between("merged_at", *masks.ends(filters.period))
    return _now_and_before(both, filters.period), _points(rows, filters.period)


def series(team: Team, filters: Filters, period: Period) -> list[Point]:
    """Another period week by week, or month by month."""
    return _points(masks.merged(team, filters, period), period)


def _points(rows: Rows, period: Period) -> list[Point]:
    spans = period.spans()
    places = counting.bins(rows["merged_at"], [each.timestamp() for each in period.boundaries()])
    found = by_groups(rows, places, [_weeks(span) for span in spans])
    return [
        Point(span, figures if figures.merged else None)
        for span, figures in zip(spans, found, strict=True)
    ]


def _of_both(team: Team, filters: Filters) -> Rows:
    now, before = filters.period, filters.period.previous
    return masks.merged(team, filters, Period(before.first, now.last, now.zone))


def _now_and_before(both: Rows, now: Period) -> tuple[Figures, Figures]:
    is_now = both["merged_at"] >= now.start.timestamp()
    before, after = by_groups(both, is_now.astype(np.int64), [now.previous.weeks, now.weeks])
    return after, before


def nothing(period: Period) -> Figures:
    """The figures of no pull request."""
    return of_rows(Rows([]), period.weeks)


class Named(NamedTuple):
    """A repository, of which a team may have hundreds: what a table needs of it."""

    pk: int
    full_name: str
    github_repo_id: int


@shared
def by_repository(team: Team, filters: Filters) -> dict[Named, Figures]:
    """Side by side, by name, which a recreated repository shares with its predecessor."""
    names = Repository.objects.for_team(team).order_by().values_list(*Named._fields)
    known = {each.pk: each for each in map(Named._make, names)}
    rows = masks.merged(team, filters, filters.period)
    keys, groups = rows.kinds("repository_id")
    figures = by_groups(rows, groups, [filters.period.weeks] * len(keys))
    # One that came a moment ago has no name yet.
    pairs = zip(keys.tolist(), figures, strict=True)
    found = {known[pk]: each for pk, each in pairs if pk in known}
    return dict(sorted(found.items(), key=lambda each: (each[0].full_name, each[0].pk)))


def by_author(team: Team, filters: Filters) -> dict[int | None, Figures]:
    """Side by side, by GitHub's id; None for deleted accounts."""
    return {account: figures for account, (_, figures) in authors(team, filters).items()}


@shared
def authors(team: Team, filters: Filters) -> dict[int | None, tuple[str, Figures]]:
    """The same, with their names."""
    hidden = masks.hidden(team)
    rows = masks.merged(team, filters, filters.period)
    rows = rows.keep(lambda part: ~np.isin(part["author_id"], hidden))
    # An agent's work without a known initiator counts for no person.
    rows = rows.keep(lambda part: (part["ai"] != masks.AGENT) | (part["author_account"] != NONE))
    keys, groups = rows.kinds("author_account")
    figures = by_groups(rows, groups, [filters.period.weeks] * len(keys))
    called = names.authors(counting.latest(groups, rows["id"], len(keys)))
    return {
        None if account == NONE else account: (name or "", each)
        for account, name, each in zip(keys.tolist(), called, figures, strict=True)
    }


@dataclass(frozen=True)
class DataVersion:
    """The version of a team's data: `etag` changes with anything that figures depend on."""

    first_opened_at: datetime | None
    fetched_at: datetime | None
    etag: str
    is_large: bool = False
    """Whether counting takes too long for a page to wait."""
    has_unread: bool = False
    """Whether some were stored before AI marks were read."""

    @property
    def is_empty(self) -> bool:
        """Whether the team has no pull requests."""
        return self.first_opened_at is None


def data_version(team: Team, more: str = "") -> DataVersion:
    """For caches, and for pages that follow new data; `more` are their other dependencies."""
    opened = PullRequest.objects.for_team(team).order_by("opened_at").values("opened_at")
    row = Repository.objects.for_team(team).aggregate(
        count=Count("pk"),
        ids=Sum("pk"),
        revisions=Sum("revision"),
        fetched=Max("fetched_at"),
        first=Min(Subquery(opened[:1])),
        unread=Max(Subquery(_unread().values("opened_at")[:1])),
        far=Min(Subquery(opened[LARGE : LARGE + 1])),
    )
    is_large = row.pop("far") is not None
    settings = [getattr(team, field.attname) for field in team._meta.concrete_fields]
    text = " ".join(map(str, [*row.values(), *settings, more]))
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return DataVersion(row["first"], row["fetched"], digest, is_large, row["unread"] is not None)


def _unread() -> QuerySet[PullRequest]:
    """A repository's pull requests that were not read for AI marks, newest first."""
    rows = PullRequest.objects.filter(repository=OuterRef("pk"), marks__isnull=True)
    return rows.order_by("-opened_at")


def of_rows(rows: Rows, weeks: float) -> Figures:
    """Of all rows together."""
    return by_groups(rows, np.zeros(len(rows), np.int64), [weeks])[0]


def by_groups(rows: Columns, groups: Array, weeks: Sequence[float]) -> list[Figures]:
    """Of the rows of each group 0, 1, …, each of which lasts this many weeks."""
    number = len(weeks)
    young, reviewed = rows["has_old_commit"] == 0, rows["reviewer_count"] > 0
    old = counting.counts(groups[~young], number)
    spreads = {name: _spreads(rows, name, groups, old) for name in DURATIONS}
    of_young = groups[young]
    totals = {name: counting.sums(rows[name][young], of_young, number) for name in STAGES}
    lines = counting.spreads(rows["lines"], groups, number)
    sizes = counting.table(groups, number, rows["size"], len(SIZES))
    reviewed_counts = counting.counts(groups[reviewed], number)
    rounds = counting.sums(rows["review_rounds"][reviewed], groups[reviewed], number)
    flags = {
        name: counting.counts(groups[rows[name] == 1], number)
        for name in ("is_revert", "is_hotfix")
    }
    merged = counting.counts(groups, number)
    authors = counting.distinct(rows["author_account"], groups, number)
    return [
        Figures(
            merged=merged[group],
            weeks=weeks[group],
            authors=authors[group],
            old=old[group],
            spreads={name: spreads[name][group] for name in DURATIONS},
            stage_totals={name: totals[name][group] for name in STAGES},
            lines=lines[group],
            sizes=dict(zip(SIZES, sizes[group], strict=True)),
            reviewed=reviewed_counts[group],
            reverts=flags["is_revert"][group],
            hotfixes=flags["is_hotfix"][group],
            mean_rounds=rounds[group] / count if (count := reviewed_counts[group]) else None,
        )
        for group in range(number)
    ]


def _spreads(rows: Columns, name: str, groups: Array, old: Sequence[int]) -> list[Spread]:
    counted = masks.counted(rows, name)
    found = counting.spreads(rows[name][counted], groups[counted], len(old))
    if name not in FROM_FIRST_COMMIT:
        return found
    return [spread._replace(left_out=left) for spread, left in zip(found, old, strict=True)]


def _weeks(span: Span) -> float:
    return ((span.last - span.first).days + 1) / 7
