"""The answer first, then its trend, then its parts, then the pull requests behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.db.models import F
from django.urls import reverse

from apps.metrics import charts, queries
from apps.metrics.filters import Filters
from apps.metrics.page import Answer, figures_data, figures_page
from apps.metrics.queries import Change, Figures
from apps.teams.access import TeamRequest

LONGEST = 6


@dataclass(frozen=True)
class Tile:
    """A figure with its change; `good` says which way is better, if one is."""

    label: str
    anchor: str
    unit: str
    change: Change
    link: str
    good: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """`better`, `worse` or nothing, for a change that a percentage is shown for."""
        percent = self.change.percent
        if not self.good or percent is None or abs(percent) < 1:
            return ""
        return "better" if (percent < 0) == (self.good == "less") else "worse"


@dataclass(frozen=True)
class Stage:
    """A stage's statistics and its part of the average pull request."""

    field: str
    spread: queries.Spread
    mean: float
    share: float
    begin: float

    @property
    def key(self) -> str:
        """As in the style sheet."""
        return self.field.removesuffix("_time")

    @property
    def name(self) -> str:
        """As people read it."""
        return charts.STAGE_NAMES[self.field]

    @property
    def sort(self) -> str:
        """Its longest first."""
        return f"-{self.field}"

    @property
    def x(self) -> str:
        """Where it begins in the bar."""
        return f"{self.begin * 100:.3f}%"

    @property
    def width(self) -> str:
        """How much of the bar it has."""
        return f"{self.share * 100:.3f}%"


@figures_page("metrics/overview.html", "metrics/overview_part.html")
def overview(request: TeamRequest, filters: Filters) -> Answer:
    """How the team's pull requests flow."""
    now, before = queries.figures_and_before(request.team, filters)
    points = queries.series(request.team, filters)
    waiting = queries.waiting(request.team, filters)
    path = reverse("pull_requests", args=[request.team.slug])
    tiles = _tiles(now, before, filters, path)
    stages = _stages(now)
    context = {
        "now": now,
        "before": before,
        "tiles": tiles,
        "cycle": next(tile for tile in tiles if tile.anchor == "cycle_time"),
        "charts": _charts(points, filters, path),
        "stages": stages,
        "slowest": max(stages, key=lambda stage: stage.share, default=None),
        "mean_cycle": sum(now.mean_stages.values()) if stages else None,
        "waiting": waiting,
        "waiting_count": sum(group.count for group in waiting),
        "longest": _longest(request, filters),
    }
    return Answer(context, _data(now, before, points, waiting))


def _data(
    now: Figures,
    before: Figures,
    points: Sequence[queries.Point],
    waiting: Sequence[queries.Waiting],
) -> dict[str, Any]:
    return {
        "figures": figures_data(now),
        "previous": figures_data(before),
        "series": [
            {"name": p.span.name, "figures": figures_data(p.figures) if p.figures else None}
            for p in points
        ],
        "waiting": {group.waiting_for or "discussion": group.count for group in waiting},
    }


def _longest(request: TeamRequest, filters: Filters) -> Any:
    found = queries.merged(request.team, filters, filters.period)
    longest = found.filter(has_old_commit=False).order_by(F("cycle_time").desc(), "-pk")
    return longest.select_related("repository")[:LONGEST]


def _tiles(now: Figures, before: Figures, filters: Filters, path: str) -> list[Tile]:
    base = before.merged
    link = filters.address(path)

    def spread(label: str, name: str) -> Tile:
        a, b = now.spreads[name], before.spreads[name]
        change = Change.of(a.median, b.median, b.count)
        return Tile(label, name, "duration", change, filters.address(path, sort=f"-{name}"), "less")

    return [
        Tile(
            "Merged a week",
            "throughput",
            "decimal",
            Change.of(now.per_week, before.per_week, base),
            link,
            "more",
        ),
        spread("Cycle time", "cycle_time"),
        spread("Pickup time", "pickup_time"),
        spread("Time to merge", "time_to_merge"),
        Tile(
            "Review coverage",
            "review_coverage",
            "share",
            Change.of(now.coverage, before.coverage, base),
            filters.address(path, reviewed="no"),
            "more",
        ),
        Tile(
            "Lines changed",
            "size",
            "count",
            Change.of(now.lines.median, before.lines.median, base),
            filters.address(path, sort="-lines"),
        ),
        Tile(
            "Review rounds",
            "review_rounds",
            "hundredths",
            Change.of(now.mean_rounds, before.mean_rounds, before.reviewed),
            filters.address(path, sort="-review_rounds"),
            "less",
        ),
        Tile(
            "Reverts",
            "revert_rate",
            "share",
            Change.of(now.revert_rate, before.revert_rate, base),
            filters.address(path, flag="revert"),
            "less",
        ),
    ]


def _charts(points: Sequence[queries.Point], filters: Filters, path: str) -> list[charts.Chart]:
    make = charts.trend(points, filters, path)
    merged = charts.Series("Merged", [p.figures.merged if p.figures else None for p in points])
    coverage = charts.Series("Reviewed", charts.values(points, lambda f: f.coverage), "good")
    return [
        make(
            *charts.spread_series(points, "cycle_time", "accent"),
            id="cycle-time",
            title="Cycle time",
            kind="line",
            unit="duration",
            definition="cycle_time",
        ),
        make(
            *charts.stage_series(points),
            id="stages",
            title="Where the time goes",
            kind="stack",
            unit="duration",
            note="The average pull request",
            definition="stages",
        ),
        make(
            merged,
            id="merged",
            title="Merged",
            kind="bar",
            unit="count",
            definition="throughput",
        ),
        make(
            coverage,
            id="coverage",
            title="Review coverage",
            kind="line",
            unit="share",
            definition="review_coverage",
        ),
    ]


def _stages(now: Figures) -> list[Stage]:
    means = now.mean_stages
    total = sum(means.values())
    if not total:
        return []
    begins = [0.0, *accumulate(mean / total for mean in means.values())]
    return [
        Stage(name, now.spreads[name], mean, mean / total, begin)
        for (name, mean), begin in zip(means.items(), begins, strict=False)
    ]
