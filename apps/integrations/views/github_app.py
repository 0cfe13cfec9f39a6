"""Making the GitHub App of this installation."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.audit.record import record
from apps.integrations.access import connect_state, github_app, oauth, problems
from apps.integrations.access.problems import ConnectError
from apps.integrations.connection import app_manifest, connecting
from apps.integrations.hooks import registration
from apps.integrations.models import GitHubIntegration
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, View, team_view
from apps.teams.models import Team


@require_GET
@team_view("admin")
def new(request: TeamRequest) -> HttpResponse:
    """Forms that lead to GitHub, which asks once more and then makes the App."""
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
    """Whether this person may make the App."""
    return app_manifest.may_make(request.user.pk, is_staff=request.user.is_staff)


@require_GET
@never_cache
@login_required
def made(request: HttpRequest) -> HttpResponseBase:
    """Where GitHub sends the browser back to."""
    return returned(request, _made)


def returned(request: HttpRequest, view: View) -> HttpResponseBase:
    """Hands an answer of GitHub to a team's view: the team is in the state."""
    state = connect_state.read(request.GET.get("state", ""))
    team = Team.objects.filter(pk=state.team_id).first() if state else None
    if team is None:
        messages.error(request, str(problems.OTHER_SESSION))
        return redirect("/")
    return view(request, team=team.slug)


@team_view("admin")
def _made(request: TeamRequest) -> HttpResponse:
    state = connect_state.read(request.GET.get("state", ""))
    if state is None or state.method != app_manifest.METHOD:
        return answers.back(request, "integrations", problems.OTHER_SESSION)
    if not may_make(request):
        return answers.back(request, "integrations", problems.APP_IS_THE_OPERATORS)
    try:
        app = app_manifest.finish(request, request.team, state, request.GET)
    except ConnectError as error:
        problem = error.problem
        record(
            "github.connect.failed",
            team_id=request.team.pk,
            request=request,
            problem=problem.code,
        )
        return answers.back(request, "integrations", problem)
    said = f"The GitHub App “{app.name}” is made. Now install it where your repositories are."
    return answers.back(request, "integrations", said=said)
