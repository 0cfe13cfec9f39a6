"""What every figure means."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.teams.access import TeamRequest, team_view


@team_view()
def how_we_count(request: TeamRequest) -> HttpResponse:
    """The definitions, with this team's own settings in them."""
    return render(request, "metrics/how_we_count.html")
