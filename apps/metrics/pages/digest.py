"""The content of the weekly mail: the last whole week compared with the one before, and waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from apps.metrics.figures import (
    production_changes,
    production_queries,
    queries,
    waiting_queries,
)
from apps.metrics.figures.change_queries import compared
from apps.metrics.figures.queries import Figures
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Production
from apps.metrics.pages import sentences
from apps.metrics.pages.answer import current_version
from apps.metrics.pages.coverage import covered
from apps.metrics.pages.delivery import ProductionFigure, weekly_production_figures
from apps.metrics.pages.measures import Tile, tiles
from apps.teams.models import Team
from apps.teams.zones import zone_of

OLDEST = 3
SHOWN = ("merged", "cycle_time", "pickup_time", "review_coverage", "mean_review_rounds")


@dataclass(frozen=True)
class WeeklyDigest:
    """A week's figures, each compared with the week before, and what waits when it is written."""

    team: Team
    week: Period
    figures: Figures
    before: Figures
    tiles: Sequence[Tile]
    waiting: Sequence[waiting_queries.Waiting]
    address: str
    production: Sequence[ProductionFigure] = ()
    """Empty without a source of deployments."""

    @property
    def waiting_count(self) -> int:
        """How many pull requests are open."""
        return sum(group.count for group in self.waiting)

    @property
    def sentence(self) -> str:
        """The first sentence."""
        return sentences.merged_in_week(self.figures.merged, self.before.merged)

    @property
    def days(self) -> str:
        """The week in words."""
        first, last = self.week.first, self.week.last
        month = "" if first.month == last.month else f" {first:%B}"
        return f"{first.day}{month} to {last.day} {last:%B %Y}"

    @property
    def subject(self) -> str:
        """The subject of the mail: one line whatever the team's name."""
        merged = self.figures.merged
        name = " ".join(self.team.name.split())
        return f"{name}, {self.days}: {merged or 'no'} pull request{'s' * (merged != 1)} merged"


def weekly_digest(team: Team, now: datetime) -> WeeklyDigest:
    """For the last week that is over in the team's time zone."""
    today = now.astimezone(zone_of(team.timezone)).date()
    monday = today - timedelta(days=today.weekday())
    week = Period(monday - timedelta(days=7), monday - timedelta(days=1), zone_of(team.timezone))
    fresh, version = current_version(team)
    filters = covered(
        team,
        Filters(period=week, range="dates", params=_params(week)),
        fresh,
        version.first_opened_at,
        now,
    )
    figures, before = queries.figures_and_before(team, filters)
    path = reverse("pull_requests", args=[team.slug])
    return WeeklyDigest(
        team,
        week,
        figures,
        before,
        tiles(
            figures, before, filters, path, SHOWN, changes=compared(team, filters, figures, before)
        ),
        waiting_queries.waiting(team, filters, OLDEST),
        settings.PUBLIC_URL + filters.address(reverse("overview", args=[team.slug])),
        _production(team, filters),
    )


def _production(team: Team, filters: Filters) -> list[ProductionFigure]:
    if not Production.objects.for_team(team).exclude(source="").exists():
        return []
    now, before = production_queries.figures_and_before(team, filters)
    return weekly_production_figures(
        now, before, production_changes.compared(team, filters, now, before)
    )


def _params(week: Period) -> dict[str, Sequence[str]]:
    return {"since": [week.first.isoformat()], "until": [week.last.isoformat()]}
