"""The progress of figures being prepared, which the page requests each second."""

from __future__ import annotations

from django.http import HttpResponse

from apps.metrics.figures.current import progress
from apps.metrics.pages.preparing import sentence
from apps.teams.access import TeamRequest, team_view


@team_view()
def prepared(request: TeamRequest) -> HttpResponse:
    """The progress; empty if no process prepares them."""
    reached = progress(request.team)
    return HttpResponse(sentence(reached)) if reached else HttpResponse(status=204)
