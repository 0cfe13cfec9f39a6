"""Where GitHub redirects the browser: each response goes to the flow that began it.

The team and the flow are in the signed state. A flow only accepts its own callback URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.integrations.access import connect_state, problems
from apps.integrations.access.connect_state import State
from apps.integrations.access.problems import ConnectError, Problem
from apps.integrations.connection import app_manifest, connecting, installing
from apps.integrations.views import answers
from apps.integrations.views.connection import choose, choose_again, failed
from apps.integrations.views.github_app import may_make
from apps.teams.access import TeamRequest, team_view
from apps.teams.models import Team

Finish = Callable[[TeamRequest, State], HttpResponse]


@require_GET
@never_cache
@login_required
def connected(request: HttpRequest) -> HttpResponseBase:
    """From the pages that authorise a connection or install the App."""
    return _returned(request, _CONNECTING)


@require_GET
@never_cache
@login_required
def made(request: HttpRequest) -> HttpResponseBase:
    """From the page that creates the App."""
    return _returned(request, _MAKING)


@require_GET
def connected_team(request: HttpRequest, team: str) -> HttpResponseBase:
    """The same as `connected`, at a URL of the team's own."""
    return _answer(request, team=team, flows=_CONNECTING)


def _returned(request: HttpRequest, flows: Mapping[str, Finish]) -> HttpResponseBase:
    state = connect_state.read(request.GET.get("state", ""))
    team = Team.objects.filter(pk=state.team_id).first() if state else None
    if team is None:
        messages.error(request, str(problems.OTHER_SESSION))
        return redirect("/")
    return _answer(request, team=team.slug, flows=flows)


@team_view("admin")
def _answer(request: TeamRequest, flows: Mapping[str, Finish]) -> HttpResponse:
    state = connect_state.read(request.GET.get("state", ""))
    finish = flows.get(state.method) if state else None
    if state is None or finish is None or state.team_id != request.team.pk:
        return failed(request, problems.OTHER_SESSION)
    try:
        return finish(request, state)
    except ConnectError as error:
        return _stopped(request, state, error.problem)


def _stopped(request: TeamRequest, state: State, problem: Problem) -> HttpResponse:
    """An existing connection stays if additional access is declined."""
    known = connecting.connected(request.team).filter(organization_id=state.organization_id or 0)
    there = known.first() if problem.code == problems.DENIED.code else None
    if there is None:
        return failed(request, problem)
    if state.for_hook:
        return failed(request, problems.hooks_stay(there.organization_slug), "webhooks")
    return failed(request, problems.nothing_changed(there.organization_slug))


def _allowed(request: TeamRequest, state: State) -> HttpResponse:
    connecting.finish(request, request.team, state, request.GET)
    return _choice(request, state)


def _installed(request: TeamRequest, state: State) -> HttpResponse:
    following = installing.finish(request, request.team, state, request.GET)
    if following.url:
        return redirect(following.url)
    if following.account_id is not None:
        return choose(request, str(following.account_id))
    return _choice(request, state)


def _choice(request: TeamRequest, state: State) -> HttpResponse:
    return choose_again(request, state) or redirect("github_organization", team=request.team.slug)


def _app_made(request: TeamRequest, state: State) -> HttpResponse:
    if not may_make(request):
        return answers.back(request, "integrations", problems.APP_IS_THE_OPERATORS)
    app = app_manifest.finish(request, request.team, state, request.GET)
    said = f"The GitHub App “{app.name}” is made. Now install it where your repositories are."
    return answers.back(request, "integrations", said=said)


# By the method in a flow's state.
_CONNECTING: Mapping[str, Finish] = {
    connecting.METHOD: _allowed,
    installing.INSTALL: _installed,
    installing.IDENTIFY: _installed,
}
_MAKING: Mapping[str, Finish] = {app_manifest.METHOD: _app_made}
