"""What every figure means."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.metrics.pages.marks import table
from apps.teams.access import TeamRequest, team_view


@team_view()
def how_we_count(request: TeamRequest) -> HttpResponse:
    """The definitions, with this team's own settings."""
    return render(request, "metrics/how_we_count.html")


@team_view()
def table_of_marks(request: TeamRequest) -> HttpResponse:
    """How AI work is recognised: the table, and the team's additions."""
    return render(request, "metrics/table_of_marks.html", {"groups": table(request.team)})
