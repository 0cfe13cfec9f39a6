"""The promises, and how well they are kept."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.integrations.checks import promises as measured
from apps.integrations.models import SpotCheck
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json

SHOWN = 14


@require_GET
@team_view()
def promises(request: TeamRequest) -> HttpResponse:
    """The four promises with their history, and the latest spot checks."""
    found = measured.of_team(request.team, timezone.now())
    if wants_json(request):
        return JsonResponse({"promises": [measured.as_json(promise) for promise in found]})
    checks = SpotCheck.objects.for_team(request.team).order_by("-day")[:SHOWN]
    return answers.page(request, "promises", {"promises": found, "checks": checks})
