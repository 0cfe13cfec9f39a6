"""First the conclusion, then its trend, then its parts, then the pull requests behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils import timezone

from apps.metrics.calculations import changes
from apps.metrics.figures import behind, change_queries, queries, waiting_queries
from apps.metrics.figures.change_queries import Causes
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.rows import fetched
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import PullRequest
from apps.metrics.pages import charts, production, sentences, verdict, week
from apps.metrics.pages.answer import Answer, figures_data
from apps.metrics.pages.measures import OTHERS, Tile, tiles
from apps.metrics.pages.stages import stages_of
from apps.teams.access import TeamRequest
from apps.teams.models import Team

LONGEST = 6


def overview(request: TeamRequest, filters: Filters) -> Answer:
    """How the team's pull requests flow."""
    return answer(request.team, filters)


@shared
def answer(team: Team, filters: Filters) -> Answer:
    """The figures of all pull requests that match the filters."""
    now_is = timezone.now()
    (now, before), points = queries.figures_and_series(team, filters)
    compared = change_queries.compared(team, filters, now, before)
    path = reverse("pull_requests", args=[team.slug])
    shown = tiles(now, before, filters, path, changes=compared, points=points)
    late, how_many = waiting_queries.this_week(team, filters, now_is)
    waiting = waiting_queries.waiting(team, filters)
    undeployed, undeployed_longest = production.longest_waiting(team, filters)
    stages = stages_of(now.mean_stages, now.spreads)
    causes = _causes(team, filters, shown)
    context = {
        "now": now,
        "before": before,
        "tiles": [tile for tile in shown if tile.field not in OTHERS],
        "other_tiles": [tile for tile in shown if tile.field in OTHERS],
        "headline": verdict.headline(shown, filters.period.days),
        "why": _why(filters, path, before, shown, causes),
        "moved": verdict.tables(causes) if causes else (),
        "charts": _charts(team, points, filters, path),
        "stages": stages,
        "slowest": max(stages, key=lambda stage: stage.share, default=None),
        "shares": ", ".join(f"{stage.name} {stage.percent}" for stage in stages),
        "left_out": sentences.left_out(now, filters.address(path, flag="old")),
        "mean_cycle": sum(now.mean_stages.values()) if stages else None,
        "week": late,
        "late_words": week.how_many(how_many),
        "late_count": how_many,
        "waiting": waiting,
        "waiting_count": sum(group.count for group in waiting),
        "undeployed": undeployed,
        "undeployed_longest": undeployed_longest,
        "longest": _longest(team, filters),
    }
    return Answer(
        context,
        lambda: {
            **_data(now, before, points, waiting),
            "changes": {tile.field: tile.judged.direction or None for tile in shown},
            "moved": _moved_data(team, filters, compared),
            "this_week": [_week_data(wait) for wait in late],
            "not_deployed_now": undeployed,
        },
    )


def _causes(team: Team, filters: Filters, shown: Sequence[Tile]) -> Causes | None:
    """What moved the cycle time, if it changed beyond chance."""
    cycle = next(tile for tile in shown if tile.field == "cycle_time")
    return change_queries.causes(team, filters) if cycle.verdict else None


def _moved_data(
    team: Team, filters: Filters, compared: change_queries.Changes
) -> dict[str, Any] | None:
    """For programs even if the cycle time did not change beyond chance, which `changes` says."""
    causes = change_queries.causes(team, filters) if compared.verdicts else None
    return verdict.data(causes) if causes else None


def _why(
    filters: Filters, path: str, before: Figures, shown: Sequence[Tile], causes: Causes | None
) -> list[str]:
    """The former cycle time, and what moved it, if it moved."""
    judged = next(tile for tile in shown if tile.field == "cycle_time").judged
    spread, former = before.spreads["cycle_time"], filters.period.previous
    if not spread.count or not (causes or judged.reason in (changes.TOO_FEW, changes.CHANCE)):
        return []
    days = {"since": former.first.isoformat(), "until": former.last.isoformat()}
    link = filters.address(path, range=None, **days, figure="cycle_time")
    was = verdict.median_before(spread, former.days, link, "" if causes else judged.reason)
    rest = verdict.because(causes, is_less=judged.direction == "lower") if causes else ()
    return [was, *rest]


def _week_data(wait: waiting_queries.Wait) -> dict[str, Any]:
    row = wait.pull_request
    return {
        "repository": row.repository.full_name,
        "number": row.number,
        "title": row.title,
        "waiting_for": wait.waiting_for or "nobody",
        "whom": [whom.name for whom in wait.whom],
        "since": wait.since,
        "usual": wait.usual,
    }


def _data(
    now: Figures,
    before: Figures,
    points: Sequence[queries.Point],
    waiting: Sequence[waiting_queries.Waiting],
) -> dict[str, Any]:
    return {
        "figures": figures_data(now),
        "previous": figures_data(before),
        "series": [
            {"name": p.span.name, "figures": figures_data(p.figures) if p.figures else None}
            for p in points
        ],
        "waiting": {group.waiting_for or "nobody": group.count for group in waiting},
    }


def _longest(team: Team, filters: Filters) -> list[PullRequest]:
    found = behind.rows("cycle_time", behind.Asked(team, filters, timezone.now()))
    return fetched(found.first(LONGEST, -found["cycle_time"], -found["id"]))


def _charts(
    team: Team, points: Sequence[queries.Point], filters: Filters, path: str
) -> list[charts.Chart]:
    make = charts.trend(points, filters, path, team)
    before = _points_before(team, filters)
    merges = charts.counted(points, lambda f: f.merged)
    cycle_time = charts.spread_series(points, "cycle_time", "accent")
    stages = charts.stage_series(points)
    merged = charts.Series("Merged", charts.values(points, lambda f: f.merged))
    coverage = charts.Series("Reviewed", charts.values(points, lambda f: f.coverage), "good")
    average = {
        "note": "The average pull request",
        "behind": {"figure": "stages"},
        "counts": charts.counted(points, lambda f: f.merged - f.old),
    }
    taken = {
        "behind": {"figure": "cycle_time"},
        "counts": charts.counted(points, lambda f: f.spreads["cycle_time"].count),
        "previous": charts.values(before, lambda f: f.spreads["cycle_time"].median),
        "note": "Weekly, with the period before behind it" if before else "",
    }
    was = charts.values(before, lambda f: f.merged)
    reviewed = {
        "behind": {"reviewed": "yes"},
        "counts": merges,
        "previous": charts.values(before, lambda f: f.coverage),
    }
    shown: tuple[tuple[list[charts.Series], tuple[str, ...], dict[str, Any]], ...] = (
        (cycle_time, ("cycle-time", "Cycle time", "line", "duration", "cycle_time"), taken),
        (stages, ("stages", "Where the time goes", "stack", "duration", "stages"), average),
        ([merged], ("merged", "Merged", "bar", "count", "throughput"), {"previous": was}),
        ([coverage], ("coverage", "Review coverage", "line", "share", "review_coverage"), reviewed),
    )
    names = ("id", "title", "kind", "unit", "definition")
    return [
        make(*series, **dict(zip(names, described, strict=True)), **more)
        for series, described, more in shown
    ]


def _points_before(team: Team, filters: Filters) -> list[queries.Point]:
    """The period before week by week, as many as in the present one; empty if it is incomplete.

    A week or month that is cut at an end of the period is left out.
    """
    if filters.range == "all" or not filters.coverage.is_complete:
        return []
    found = queries.series(team, filters, filters.period.previous)
    shown = found[: len(filters.period.spans())]
    return [replace(point, figures=None) if point.span.is_partial else point for point in shown]
