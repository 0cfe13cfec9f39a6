"""Connecting and disconnecting GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.audit.record import record
from apps.integrations.access import github_app, oauth, problems
from apps.integrations.access.connect_state import State
from apps.integrations.access.problems import ConnectError, Problem
from apps.integrations.connection import (
    connecting,
    disconnecting,
    installing,
    sentences,
)
from apps.integrations.keeping import erasure
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
)
from apps.integrations.repositories import discovery
from apps.integrations.views import answers, farewells, organizations
from apps.integrations.views.github_app import may_make
from apps.integrations.views.organization_hooks import turn_on
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.wording import counted


@require_GET
@team_view()
def integrations(request: TeamRequest) -> HttpResponse:
    """The team's connections, and the status of each."""
    entries = organizations.connected(request.team)
    if wants_json(request):
        return JsonResponse({"github": organizations.as_json(entries)})
    return _page(request, entries)


def _page(
    request: TeamRequest, entries: list[dict[str, Any]], token_error: str = ""
) -> HttpResponse:
    setup = _setup()
    may_make_app = request.membership.is_admin and may_make(request)
    context = {
        "organizations": entries,
        "disconnected": organizations.disconnected(request.team),
        "pending": connecting.pending(request, request.team),
        "farewells": farewells.left_to_do(request.team) if request.membership.is_admin else [],
        "erasing": erasure.left_of(request.team),
        "is_running": any(organizations.is_moving(entry) for entry in entries),
        "may_make_app": may_make_app,
        "ways": sentences.ways(
            has_app=setup["has_app"],
            has_oauth_app=setup["has_oauth_app"],
            may_make_app=may_make_app,
        ),
        "token_error": token_error,
        **setup,
    }
    status = 422 if token_error else 200
    return answers.page(request, "integrations", context, fragment="_organizations", status=status)


@require_POST
@team_view("admin")
def connect(request: TeamRequest) -> HttpResponse:
    """Sends the browser to GitHub; programs get the address."""
    try:
        sent = answers.sent(request, "organization", "method")
        known = _one(request, GitHubIntegration.objects.for_team(request.team), sent)
        url = _begin(request, known.organization_id if known else None, sent)
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    except ConnectError as error:
        return answers.back(request, "integrations", error.problem)
    if wants_json(request):
        return JsonResponse({"authorize_url": url})
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _begin(request: TeamRequest, organization_id: int | None, sent: Mapping[str, Any]) -> str:
    """By the requested way, else by what is set up. Raises ConnectError, BadBodyError."""
    method = str(sent.get("method") or connecting.METHOD)
    if "method" not in sent and not settings.GITHUB_CLIENT_ID and github_app.is_configured():
        method = installing.INSTALL
    if method in installing.METHODS:
        return installing.begin(request, request.team, organization_id, method)
    if method != connecting.METHOD:
        raise answers.BadBodyError("The method must be oauth, app or installed.")
    return connecting.begin(request, request.team, organization_id)


@sensitive_post_parameters("token")
@require_http_methods(["GET", "HEAD", "POST"])
@team_view("admin")
def token(request: TeamRequest) -> HttpResponse:
    """Connects with a pasted personal access token, which is never shown again."""
    if request.method != "POST":
        # Reloading the address where a refused token was shown must show a page.
        return answers.back(request, "integrations")
    try:
        data = answers.body(request) if answers.is_json(request) else request.POST
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    value, wanted = str(data.get("token", "")).strip(), str(data.get("organization", "")).strip()
    if not value:
        return _token_refused(request, problems.NO_TOKEN)
    try:
        connecting.begin_with_token(request, request.team, value)
    except ConnectError as error:
        _note_failure(request, error.problem)
        return _token_refused(request, error.problem)
    if wanted:
        return choose(request, wanted)
    return redirect("github_organization", team=request.team.slug)


def _token_refused(request: TeamRequest, problem: Problem) -> HttpResponse:
    """The form again, with the error at its field, and the team's current connections."""
    if wants_json(request):
        return answers.back(request, "integrations", problem)
    return _page(request, organizations.connected(request.team), answers.sentence(problem))


@require_http_methods(["GET", "POST", "DELETE"])
@team_view("admin")
def organization(request: TeamRequest) -> HttpResponse:
    """Choosing the organisation or account to complete the connection with."""
    credential = connecting.pending(request, request.team)
    method = answers.effective_method(request)
    if method == "DELETE":
        if credential:
            connecting.cancel(credential)
        return answers.back(request, "integrations", said="GitHub was not connected.")
    if credential is None:
        return answers.back(request, "integrations", problems.NOTHING_PENDING)
    if method == "POST":
        return choose(request, _wanted(request))
    try:
        choice = connecting.choice(credential)
    except ConnectError as error:
        return failed(request, error.problem)
    if wants_json(request):
        found = [{"login": a.login, "id": a.id, "type": a.type} for a in choice.accounts]
        return JsonResponse({"organizations": found})
    known = {i.organization_id for i in connecting.connected(request.team)}
    by_app = credential.kind == IntegrationCredential.Kind.APP
    context = {
        "choice": choice,
        "accounts": [
            (account, sentences.what_an_account_gives(account, by_app=by_app))
            for account in choice.accounts
        ],
        "hidden_by_single_sign_on": sentences.hidden_by_single_sign_on(
            choice.hidden_by_single_sign_on
        ),
        "known": known,
        "credential": credential,
        "approvals_url": problems.approvals_url(),
    }
    return answers.page(request, "organization", context)


@require_http_methods(["GET", "POST", "DELETE"])
@team_view("admin")
def disconnect(request: TeamRequest) -> HttpResponse:
    """Ends the connection; forms ask for confirmation first."""
    try:
        said = answers.sent(request, "organization", "delete_data")
        only = _one(request, connecting.connected(request.team), said)
        delete_data = _yes(said.get("delete_data", request.GET.get("delete_data", "")))
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    if answers.effective_method(request) != "DELETE":
        return _asked(request, disconnecting.plan(request.team, only), only)
    outcome = disconnecting.disconnect(request, request.team, only, delete_data=delete_data)
    if request.method == "DELETE" or wants_json(request):
        return HttpResponse(status=204)
    parts = farewells.words(outcome, delete_data=delete_data)
    return answers.back(request, "integrations", said=" ".join(parts))


def _asked(
    request: TeamRequest, plan: disconnecting.Plan, only: GitHubIntegration | None
) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(farewells.plan_as_json(plan))
    context = {
        "plan": plan,
        "only": only,
        "ending": ", ".join(each.organization_slug for each in plan.ending),
        "consequences": sentences.what_disconnecting_does(plan, settings.GITHUB_URL),
        "keeps": sentences.what_stays(plan),
    }
    return answers.page(request, "disconnect", context)


def _yes(said: object) -> bool:
    """A form's or a JSON object's yes. Raises BadBodyError for anything but yes or no."""
    answer = {"1": True, "true": True, "on": True, "": False, "0": False, "false": False}.get(
        str(said).lower()
    )
    if answer is None:
        raise answers.BadBodyError("delete_data must be true or false.")
    return answer


@require_POST
@team_view("admin")
def refresh(request: TeamRequest) -> HttpResponse:
    """Fetches people and repositories again, in the background."""
    for integration in connecting.connected(request.team):
        discovery.request(integration)
    if wants_json(request):
        return JsonResponse({"refreshing": True}, status=202)
    where = "people" if request.POST.get("from") == "people" else "repositories"
    return answers.back(request, where, said="People and repositories are being fetched again.")


def choose_again(request: TeamRequest, state: State) -> HttpResponse | None:
    """A reconnection knows its organisation already."""
    if state.organization_id is None:
        return None
    chosen = _chosen(request, str(state.organization_id))
    if state.for_hook and isinstance(chosen, GitHubIntegration):
        return turn_on(request, chosen)
    return _answer(request, chosen)


def choose(request: TeamRequest, wanted: str) -> HttpResponse:
    return _answer(request, _chosen(request, wanted))


def _chosen(request: TeamRequest, wanted: str) -> GitHubIntegration | HttpResponse:
    credential = connecting.pending(request, request.team)
    if credential is None:
        return answers.back(request, "integrations", problems.NOTHING_PENDING)
    try:
        return connecting.choose(request, credential, wanted)
    except ConnectError as error:
        return failed(request, error.problem, "github_organization")


def _answer(request: TeamRequest, chosen: GitHubIntegration | HttpResponse) -> HttpResponse:
    if isinstance(chosen, HttpResponse):
        return chosen
    if wants_json(request):
        return JsonResponse({"connected": chosen.organization_slug}, status=201)
    return answers.back(request, "repositories", said=_said(chosen))


def _said(chosen: GitHubIntegration) -> str:
    """A team that reconnects has already chosen repositories."""
    tracked = chosen.tracked_repositories.filter(is_active=True).count()
    if not tracked:
        return f"{chosen.organization_slug} is connected. Now choose the repositories to track."
    go_on = counted(tracked, "tracked repository continues", "tracked repositories continue")
    return f"{chosen.organization_slug} is connected again: {go_on} where the sync stopped."


def _wanted(request: TeamRequest) -> str:
    if answers.is_json(request):
        try:
            return str(answers.body(request).get("organization", ""))
        except answers.BadBodyError:
            return ""
    return request.POST.get("other", "").strip() or request.POST.get("organization", "")


def failed(request: TeamRequest, problem: Problem, page: str = "integrations") -> HttpResponse:
    """Redirects to a page with the error, and records it in the audit log."""
    _note_failure(request, problem)
    return answers.back(request, page, problem)


def _note_failure(request: TeamRequest, problem: Problem) -> None:
    record("github.connect.failed", team_id=request.team.pk, request=request, problem=problem.code)


def _one(
    request: TeamRequest, rows: QuerySet[GitHubIntegration], sent: Mapping[str, Any]
) -> GitHubIntegration | None:
    """The named organisation; None if none is named. An unknown name does not mean all."""
    said = sent.get("organization")
    wanted = request.GET.get("organization", "") if said in (None, "") else str(said)
    if not wanted:
        return None
    return get_object_or_404(rows, organization_id=answers.github_id(wanted))


def _setup() -> dict[str, Any]:
    return {
        "has_oauth_app": bool(settings.GITHUB_CLIENT_ID),
        "has_app": github_app.is_configured(),
        "github_url": settings.GITHUB_URL,
        "public_url": settings.PUBLIC_URL,
        "connect_callback": oauth.callback_url(),
        "sign_in_callback": f"{settings.PUBLIC_URL}/accounts/github/login/callback/",
    }
