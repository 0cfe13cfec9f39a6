"""The common result of a page of figures and of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from apps.metrics.figures import queries
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.freshness import untracked
from apps.metrics.figures.source import Freshness, freshness
from apps.metrics.filters.chosen import Filters
from apps.metrics.pages.measures import MEASURES
from apps.teams.models import Team
from apps.teams.zones import zone_of

Context = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a part of a page shows, the same as plain data, and the context around the part.

    Data is made when a program asks: for thousands of lines it takes as long as counting them.
    """

    context: Context
    data: Callable[[], Context]
    around: Context = field(default_factory=dict)


def current_version(team: Team) -> tuple[Freshness, queries.DataVersion]:
    """What pages depend on: the data, the day that ranges end with, and the hour, for ages."""
    fresh, now = freshness(team), timezone.now()
    today = now.astimezone(zone_of(team.timezone)).date()
    stopped = sorted(untracked(team))
    standing = f"{fresh.stopped} {fresh.disconnected_at} {fresh.is_untracked} {stopped}"
    more = f"{today} {now:%H} {fresh.incomplete} {fresh.whole_since} {standing}"
    return fresh, queries.data_version(team, more)


def describe(filters: Filters) -> dict[str, Any]:
    """The filters of a response as JSON."""
    period = filters.period
    return {
        "range": {
            "name": filters.range,
            "since": period.first.isoformat(),
            "until": period.last.isoformat(),
            "time_zone": str(period.zone),
        },
        "bots": filters.bots,
        "outsiders": filters.outsiders,
    }


def spread_data(spread: Spread) -> dict[str, Any]:
    """A spread as JSON; durations in seconds."""
    return spread._asdict()


def figures_data(figures: queries.Figures) -> dict[str, Any]:
    """Figures as JSON; durations in seconds, shares between 0 and 1."""
    found = {
        name: spread_data(each.read(figures)) if each.is_median else each.read(figures)
        for name, each in MEASURES.items()
    }
    return {**found, "sizes": dict(figures.sizes)}
