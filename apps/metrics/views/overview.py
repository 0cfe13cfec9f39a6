"""The answer first, then its trend, then its parts, then the pull requests behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from django.db.models import F
from django.urls import reverse

from apps.metrics import charts, queries
from apps.metrics.filters import Filters
from apps.metrics.page import Answer, figures_data, figures_page
from apps.metrics.queries import Change, Figures
from apps.teams.access import TeamRequest
from apps.teams.models import Team

LONGEST = 6
NOTABLE = 5  # per cent: what changed less is neither better nor worse
MOST_VERDICTS = 3


@dataclass(frozen=True)
class Tile:
    """A figure with its change; `good` says which way is better, if one is."""

    label: str
    anchor: str
    unit: str
    change: Change
    link: str
    good: str = ""
    spread: queries.Spread | None = None

    @property
    def verdict(self) -> str:
        """`better`, `worse` or nothing, for a change that a percentage is shown for."""
        percent = self.change.percent
        if not self.good or percent is None or abs(percent) < NOTABLE:
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
    return answer(request.team, filters)


def answer(team: Team, filters: Filters) -> Answer:
    """The figures of whatever the filters let through."""
    now, before = queries.figures_and_before(team, filters)
    points = queries.series(team, filters)
    waiting = queries.waiting(team, filters)
    path = reverse("pull_requests", args=[team.slug])
    shown = tiles(now, before, filters, path)
    stages = _stages(now)
    context = {
        "now": now,
        "before": before,
        "tiles": shown,
        "verdicts": _verdicts(shown),
        "cycle": next(tile for tile in shown if tile.anchor == "cycle_time"),
        "charts": _charts(points, filters, path),
        "stages": stages,
        "slowest": max(stages, key=lambda stage: stage.share, default=None),
        "mean_cycle": sum(now.mean_stages.values()) if stages else None,
        "waiting": waiting,
        "waiting_count": sum(group.count for group in waiting),
        "longest": _longest(team, filters),
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


def _longest(team: Team, filters: Filters) -> Any:
    found = queries.merged(team, filters, filters.period)
    longest = found.filter(has_old_commit=False).order_by(F("cycle_time").desc(), "-pk")
    return longest.select_related("repository")[:LONGEST]


@dataclass(frozen=True)
class Measure:
    """What a tile shows: how it is read, how many it is from, and what its list begins with."""

    label: str
    anchor: str
    unit: str
    read: Callable[[Figures], float | None]
    link: Mapping[str, str] = field(default_factory=dict)
    good: str = ""
    spread: Callable[[Figures], queries.Spread | None] = lambda figures: None
    base: Callable[[Figures], int] = lambda figures: figures.merged


def _duration(label: str, name: str) -> Measure:
    return Measure(
        label,
        name,
        "duration",
        lambda figures: figures.spreads[name].median,
        {"sort": f"-{name}"},
        "less",
        lambda figures: figures.spreads[name],
        lambda figures: figures.spreads[name].count,
    )


MEASURES = (
    Measure("Merged a week", "throughput", "decimal", lambda f: f.per_week, good="more"),
    _duration("Cycle time", "cycle_time"),
    _duration("Pickup time", "pickup_time"),
    _duration("Time to merge", "time_to_merge"),
    Measure(
        *("Review coverage", "review_coverage", "share", lambda f: f.coverage),
        link={"reviewed": "no"},
        good="more",
    ),
    Measure(
        *("Lines changed", "size", "count", lambda f: f.lines.median),
        link={"sort": "-lines"},
        spread=lambda f: f.lines,
    ),
    Measure(
        *("Review rounds", "review_rounds", "hundredths", lambda f: f.mean_rounds),
        link={"sort": "-review_rounds"},
        good="less",
        base=lambda f: f.reviewed,
    ),
    Measure(
        *("Reverts", "revert_rate", "share", lambda f: f.revert_rate),
        link={"flag": "revert"},
        good="less",
    ),
)


def tiles(
    now: Figures, before: Figures, filters: Filters, path: str, *, judged: bool = True
) -> list[Tile]:
    """Each figure with its change; `judged` says which way is better."""
    return [
        Tile(
            each.label,
            each.anchor,
            each.unit,
            Change.of(each.read(now), each.read(before), each.base(before)),
            filters.address(path, **each.link),
            each.good if judged else "",
            each.spread(now),
        )
        for each in MEASURES
    ]


def _verdicts(shown: Sequence[Tile]) -> list[tuple[str, str, list[Tile]]]:
    """What got better and what got worse beside the cycle time, the greatest change first."""
    changed = [tile for tile in shown if tile.verdict and tile.anchor != "cycle_time"]
    changed.sort(key=lambda tile: -abs(tile.change.percent or 0))
    found = [
        (verdict, words, [tile for tile in changed if tile.verdict == verdict][:MOST_VERDICTS])
        for verdict, words in (("better", "Better than before"), ("worse", "Worse than before"))
    ]
    return [each for each in found if each[2]]


def _charts(points: Sequence[queries.Point], filters: Filters, path: str) -> list[charts.Chart]:
    make = charts.trend(points, filters, path)
    cycle_time = charts.spread_series(points, "cycle_time", "accent")
    stages = charts.stage_series(points)
    merged = charts.Series("Merged", charts.values(points, lambda f: f.merged))
    coverage = charts.Series("Reviewed", charts.values(points, lambda f: f.coverage), "good")
    average = {"note": "The average pull request"}
    shown: tuple[tuple[list[charts.Series], tuple[str, ...], dict[str, str]], ...] = (
        (cycle_time, ("cycle-time", "Cycle time", "line", "duration", "cycle_time"), {}),
        (stages, ("stages", "Where the time goes", "stack", "duration", "stages"), average),
        ([merged], ("merged", "Merged", "bar", "count", "throughput"), {}),
        ([coverage], ("coverage", "Review coverage", "line", "share", "review_coverage"), {}),
    )
    names = ("id", "title", "kind", "unit", "definition")
    return [
        make(*series, **dict(zip(names, described, strict=True)), **more)
        for series, described, more in shown
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
