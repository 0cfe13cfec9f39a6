"""Switching to one organisation hook, or back to one for each repository."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from apps.audit.record import record
from apps.integrations.access import problems
from apps.integrations.access.problems import ConnectError
from apps.integrations.connection import connecting
from apps.integrations.hooks import organization_hooks
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.integrations.nudge import nudge
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json


@require_POST
@team_view("admin")
def organization_hook(request: TeamRequest) -> HttpResponse:
    """Takes `one_hook` and `organization`, which may be omitted if there is only one."""
    try:
        said = answers.sent(request, "organization", "one_hook")
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    integration = _one(request, str(said.get("organization", "")))
    if str(said.get("one_hook", "")).lower() not in ("1", "true"):
        return _turn_off(request, integration)
    is_oauth = integration.credential.kind == IntegrationCredential.Kind.OAUTH
    if is_oauth and organization_hooks.lacks_scope(integration):
        return _ask(request, integration)
    return turn_on(request, integration)


def _one(request: TeamRequest, wanted: str) -> GitHubIntegration:
    rows = connecting.connected(request.team)
    if not wanted and len(rows) == 1:
        return rows[0]
    return get_object_or_404(rows, organization_id=answers.github_id(wanted))


def turn_on(request: TeamRequest, integration: GitHubIntegration) -> HttpResponse:
    """Has an organisation hook created, if the token allows it."""
    name = integration.organization_slug
    if not organization_hooks.is_possible(integration):
        return answers.back(request, "webhooks", problems.no_hook_possible(name))
    if organization_hooks.lacks_scope(integration):
        by_token = integration.credential.kind == IntegrationCredential.Kind.TOKEN
        problem = problems.no_hook_scope(name, by_token=by_token)
        return answers.back(request, "webhooks", problem)
    organization_hooks.choose(integration, True)
    record("github.hook.one", team_id=request.team.pk, request=request, object_name=name)
    return _done(request, integration, f"One webhook for {name} is being made.")


def _turn_off(request: TeamRequest, integration: GitHubIntegration) -> HttpResponse:
    organization_hooks.choose(integration, False)
    name = integration.organization_slug
    record("github.hook.each", team_id=request.team.pk, request=request, object_name=name)
    said = f"Each repository of {name} gets a webhook of its own again."
    return _done(request, integration, said)


def _ask(request: TeamRequest, integration: GitHubIntegration) -> HttpResponse:
    try:
        number = integration.organization_id
        url = connecting.begin(request, request.team, number, for_hook=True)
    except ConnectError as error:
        return answers.back(request, "webhooks", error.problem)
    return JsonResponse({"authorize_url": url}) if wants_json(request) else redirect(url)


def _done(request: TeamRequest, integration: GitHubIntegration, said: str) -> HttpResponse:
    nudge()
    if wants_json(request):
        integration.refresh_from_db()
        wanted = {"one_hook": integration.wants_one_hook}
        return JsonResponse({"organization": integration.organization_slug, **wanted}, status=202)
    return answers.back(request, "webhooks", said=said)
