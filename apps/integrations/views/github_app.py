"""Creating the GitHub App of this installation."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.integrations.access import github_app, oauth, problems
from apps.integrations.connection import app_manifest, connecting
from apps.integrations.hooks import registration
from apps.integrations.models import GitHubIntegration
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view


@require_GET
@team_view("admin")
def new(request: TeamRequest) -> HttpResponse:
    """Forms that lead to GitHub, which asks for confirmation and then creates the App."""
    if github_app.is_configured():
        return answers.back(request, "integrations", said="The GitHub App is set up already.")
    if not may_make(request):
        return answers.back(request, "integrations", problems.APP_IS_THE_OPERATORS)
    asked = request.GET.get("organization", "").strip()
    known = [each.organization_slug for each in _organizations(request)]
    if asked and problems.is_login(asked) and asked not in known:
        known.insert(0, asked)
    context = {
        "forms": app_manifest.begin(request, request.team, known),
        "asked": asked,
        "is_reachable": registration.is_reachable(),
        "github_url": settings.GITHUB_URL,
        "public_url": settings.PUBLIC_URL,
        "connect_callback": oauth.callback_url(),
        "hook_address": registration.address(),
    }
    return answers.page(request, "github_app", context)


def _organizations(request: TeamRequest) -> list[GitHubIntegration]:
    rows = connecting.connected(request.team)
    return [row for row in rows if row.account_type == "Organization"]


def may_make(request: TeamRequest) -> bool:
    """Whether this user may create the App."""
    return app_manifest.may_make(request.user.pk, is_staff=request.user.is_staff)
