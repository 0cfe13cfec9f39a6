"""From merge to production: the five figures, their trend and parts, and what they leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone

from apps.metrics.figures import production_changes, production_queries
from apps.metrics.figures.behind import UNTIL_PRODUCTION
from apps.metrics.figures.production_queries import LEAD_STAGES, Delivery, DeliveryPoint
from apps.metrics.figures.rows import fetched
from apps.metrics.filters.chosen import Filters
from apps.metrics.lists import deployments
from apps.metrics.models import Application, Deployment, Production, PullRequest, Repository
from apps.metrics.pages import charts
from apps.metrics.pages import production_sentences as sentences
from apps.metrics.pages.answer import Answer
from apps.metrics.pages.charts import STAGE_NAMES, Chart, Series, Value
from apps.metrics.pages.delivery import DELIVERY, delivery_data, production_figures
from apps.metrics.pages.measures import Measure
from apps.metrics.pages.production_sentences import Left
from apps.metrics.pages.stages import stages_of
from apps.teams.access import TeamRequest
from apps.teams.models import Team

LATEST = 6
COLUMNS = "title,author,merged_at,cycle_time,deployed_at,deploy_time,lead_time"
BY_APPLICATION = (
    *("deployments_per_week", "lead_time", "deploy_time"),
    *("change_fail_rate", "recovery_time", "rework_rate"),
)

# The deployments that each deployment figure counts.
LISTS = {
    "deployments_per_week": "counted",
    "change_fail_rate": "failed",
    "recovery_time": "recovered",
    "rework_rate": "rework",
}


@dataclass(frozen=True)
class Sources:
    """How many repositories have a source, how many none, and what GitHub denies."""

    with_source: int
    without: int
    unasked: int
    not_granted: Sequence[str]
    refused: int
    reading: int
    """How many with a source have deployments that are not read or counted yet."""

    @property
    def has_any(self) -> bool:
        """Whether any has a source of deployments."""
        return self.with_source > 0


def production(request: TeamRequest, filters: Filters) -> Answer:
    """The five production figures."""
    team = request.team
    now, before = production_queries.figures_and_before(team, filters)
    points = production_queries.series(team, filters)
    left = production_queries.unplaced(team, filters)
    changes = production_changes.compared(team, filters, now, before)
    links = _links(team, filters)
    figures = production_figures(now, before, changes, points, links)
    sides = production_queries.by_application(team, filters)
    stages = stages_of(now.mean_stages, before=before.mean_stages)
    undeployed, longest = longest_waiting(team, filters)
    days = filters.period.days
    context = {
        "now": now,
        "figures": figures,
        "sources": sources_of(team),
        "answer": sentences.answer(now, days, (links["deployments_per_week"], links["deployed"])),
        "changes": list(sentences.changes(figures, days)),
        "provisional": sentences.provisional(filters, timezone.now()),
        "narrowing": sentences.narrowing(filters),
        "charts": _charts(points, filters, team),
        "stages": stages,
        "mean": now.mean_lead_time,
        "mean_before": before.mean_lead_time,
        "shares": ", ".join(f"{stage.name} {stage.percent}" for stage in stages),
        "left_out": _left_out(left, links),
        "columns_behind": COLUMNS,
        "columns": [DELIVERY[name] for name in BY_APPLICATION],
        "applications": [_line(team, filters, *side) for side in sides.items()],
        "earlier": sentences.BROUGHT_EARLIER if any(map(_is_elsewhere, sides.values())) else "",
        "failed": _failed(team, filters),
        "links": links,
        "undeployed": undeployed,
        "undeployed_longest": longest,
    }
    return Answer(
        context,
        lambda: {
            "figures": delivery_data(now),
            "previous": delivery_data(before),
            "changes": {each.field: each.judged.direction or None for each in figures},
            "series": [
                {"name": p.span.name, "figures": delivery_data(p.figures) if p.figures else None}
                for p in points
            ],
            "applications": [
                {**application_data(each), "figures": delivery_data(found)}
                for each, found in sides.items()
            ],
            "left_out": dict(vars(left)),
            "not_deployed_now": undeployed,
        },
    )


def application_data(application: Application) -> dict[str, Any]:
    """An application as JSON."""
    return {
        "repository": application.repository.full_name,
        "environment": application.environment,
        "source": application.source,
    }


def _links(team: Team, filters: Filters) -> dict[str, str]:
    """Where each figure's deployments or pull requests are listed."""
    path = reverse("deployments", args=[team.slug])
    shown = {name: filters.address(path, show=name) for name in deployments.SHOWN if name}
    pull_requests = reverse("pull_requests", args=[team.slug])
    figures = (
        "lead_time",
        "deployed",
        "not_deployed",
        "without_source",
        "live_before",
        "other_branches",
    )
    return {
        **shown,
        **{name: filters.address(pull_requests, figure=name, columns=COLUMNS) for name in figures},
        "old": filters.address(pull_requests, figure="deployed", flag="old", columns=COLUMNS),
        **{name: shown[kind] for name, kind in LISTS.items()},
        "waiting": filters.address(pull_requests, figure="waiting_to_deploy", range=None),
        "sources": reverse("production_sources", args=[team.slug]),
    }


def _left_out(left: production_queries.Unplaced, links: Mapping[str, str]) -> list[Left]:
    return sentences.left_out(left, dict(links))


def sources_of(team: Team) -> Sources:
    """Over all repositories whose pull requests are stored."""
    rows = list(Production.objects.for_team(team))
    with_source = [row for row in rows if row.source]
    missing = Counter(name for row in rows for name in row.not_granted)
    return Sources(
        len(with_source),
        len(rows) - len(with_source),
        Repository.objects.for_team(team).count() - len(rows),
        sorted(missing),
        sum(bool(row.not_granted) for row in rows),
        sum(row.is_recount_due or not row.is_complete for row in with_source),
    )


def _line(
    team: Team, filters: Filters, application: Application, figures: Delivery
) -> dict[str, Any]:
    """An application with its figures, for a table."""
    links = _links_of(team, filters, application)
    return {
        "application": application,
        "link": links["all"],
        "deployments": figures.deployments,
        "counted": links["deployments_per_week"],
        "cells": [_cell(DELIVERY[name], figures, links[name]) for name in BY_APPLICATION],
    }


def _links_of(team: Team, filters: Filters, application: Application) -> dict[str, str]:
    """Where an application's figures are listed."""
    path = reverse("deployments", args=[team.slug])
    pull_requests = reverse("pull_requests", args=[team.slug])

    def shown(kind: str | None) -> str:
        return filters.address(path, show=kind, application=application.pk)

    def brought(name: str) -> str:
        figure = f"{name}.{application.pk}"
        return filters.address(pull_requests, figure=figure, columns=COLUMNS)

    return {
        "all": shown(None),
        **{name: brought(name) for name in UNTIL_PRODUCTION},
        **{name: shown(kind) for name, kind in LISTS.items()},
    }


def _is_elsewhere(figures: Delivery) -> bool:
    """Whether its pull requests count for other applications, which deployed them first."""
    return figures.rework.total > 0 and not figures.pull_requests


def _cell(measure: Measure, figures: Delivery, link: str) -> dict[str, Any]:
    """A figure of an application; or why there is none although it deployed pull requests."""
    value = measure.value(figures)
    is_asked = measure.field in UNTIL_PRODUCTION and _is_elsewhere(figures)
    return {
        "value": value,
        "unit": measure.unit,
        "link": "" if value is None else link,
        "why": sentences.BROUGHT_EARLIER if is_asked else "",
    }


def _failed(team: Team, filters: Filters) -> Sequence[Deployment]:
    chosen = deployments.Choice(show="failed")
    return list(deployments.matching(team, filters, chosen)[:LATEST])


def _charts(points: Sequence[DeliveryPoint], filters: Filters, team: Team) -> list[Chart]:
    make = charts.trend(points, filters, reverse("deployments", args=[team.slug]), team)
    make_lead = charts.trend(points, filters, reverse("pull_requests", args=[team.slug]), team)
    lead: dict[str, Any] = {
        "kind": "line",
        "unit": "duration",
        "behind": {"figure": "lead_time"},
        "counts": _counts(points, lambda found: found.lead_time.count),
    }
    return [
        make(
            Series("Deployments", _values(points, lambda found: found.deployments)),
            id="deployments",
            title="Deployments",
            kind="bar",
            unit="count",
            definition="deployment_frequency",
            behind={"show": "counted"},
        ),
        make_lead(
            *_spread_series(points),
            id="lead-time",
            title="Change lead time",
            definition="lead_time",
            **lead,
        ),
        make_lead(
            *_stage_series(points),
            id="lead-stages",
            title="Where the time goes",
            definition="lead_time",
            note="The average change",
            **{**lead, "kind": "stack"},
        ),
        make(
            Series("Failed", _values(points, lambda found: found.failed.value), "bad"),
            behind={"show": "failed"},
            id="fail-rate",
            title="Change fail rate",
            kind="line",
            unit="share",
            definition="change_fail_rate",
            counts=_counts(points, lambda found: found.failed.total),
            counted="deployment",
        ),
    ]


def _values(points: Sequence[DeliveryPoint], read: Callable[[Delivery], Value]) -> list[Value]:
    """One figure of each week or month, None if nothing was deployed."""
    return [read(point.figures) if point.figures else None for point in points]


def _counts(points: Sequence[DeliveryPoint], read: Callable[[Delivery], int]) -> list[int]:
    return [read(point.figures) if point.figures else 0 for point in points]


def _spread_series(points: Sequence[DeliveryPoint]) -> list[Series]:
    return [
        Series("Median", _values(points, lambda found: found.lead_time.median)),
        Series("75th percentile", _values(points, lambda f: f.lead_time.p75), is_faint=True),
        Series("90th percentile", _values(points, lambda f: f.lead_time.p90), is_faint=True),
    ]


def _stage_series(points: Sequence[DeliveryPoint]) -> list[Series]:
    return [
        Series(
            STAGE_NAMES[name],
            _values(points, lambda found, name=name: found.mean_stages.get(name)),  # type: ignore[misc]
            f"stage-{name.removesuffix('_time')}",
        )
        for name in LEAD_STAGES
    ]


def longest_waiting(team: Team, filters: Filters) -> tuple[int, list[PullRequest]]:
    """How many are merged and not deployed yet, and those that have waited longest."""
    rows = production_queries.waiting_to_deploy(team, filters)
    return len(rows), fetched(rows.first(LATEST, rows["merged_at"], rows["id"]))
