"""All data of a team or of a person in it: exported or deleted."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.audit.record import record
from apps.integrations.access.problems import Problem
from apps.integrations.connection import disconnecting
from apps.integrations.connection.sentences import what_deleting_the_team_ends
from apps.integrations.keeping import archives, erasure, sentences, traces
from apps.integrations.models import ForgottenAccount
from apps.integrations.nudge import nudge
from apps.integrations.people import forgetting
from apps.integrations.views import answers
from apps.metrics.filters import accounts
from apps.metrics.models import Digest, PRReview, PullRequest, Repository, TeamMember
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import ApiKey, Invitation, Team


@team_view("admin")
@require_http_methods(["GET", "HEAD", "POST", "DELETE"])
def team_data(request: TeamRequest) -> HttpResponse:
    """Shows what is stored of the team; deletes it all if its slug is typed as `confirm`."""
    if answers.effective_method(request) == "DELETE":
        return _delete_team(request)
    rows = {
        "repositories": Repository.objects.for_team(request.team).count(),
        "pull_requests": PullRequest.objects.for_team(request.team).count(),
        "people": TeamMember.objects.for_team(request.team).count(),
        "forgotten": ForgottenAccount.objects.for_team(request.team).count(),
    }
    if wants_json(request):
        return JsonResponse(rows)
    plan = disconnecting.plan(request.team)
    context = {
        "contents": sentences.of_team(rows["pull_requests"], rows["repositories"], rows["people"]),
        "retention": sentences.retention(request.team),
        "forgotten": sentences.forgotten(rows["forgotten"]),
        "disconnects": what_deleting_the_team_ends(plan),
    }
    return answers.page(request, "team_data", context)


@team_view("admin")
@require_safe
def team_archive(request: TeamRequest) -> HttpResponseBase:
    """Everything, as a zip of JSON Lines."""
    record("data.exported", team_id=request.team.pk, request=request)
    return _download(archives.of_team(request.team), request.team.slug)


@team_view("admin")
@require_http_methods(["GET", "HEAD", "POST", "DELETE"])
def person_data(request: TeamRequest, github_id: int) -> HttpResponse:
    """Shows what is stored of a person; removes their identity, confirmed by their login."""
    login, theirs = _person(request.team, github_id)
    if answers.effective_method(request) == "DELETE":
        return _forget(request, login, theirs)
    mine = {"team": request.team}
    rows = {
        "pull_requests": PullRequest.objects.filter(author_github_id__in=theirs, **mine).count(),
        "reviews": PRReview.objects.filter(reviewer_github_id__in=theirs, **mine).count(),
    }
    if wants_json(request):
        return JsonResponse({"login": login, "accounts": theirs, **rows})
    contents = sentences.of_person(rows["pull_requests"], rows["reviews"], len(theirs))
    context = {"login": login, "github_id": github_id, "contents": contents}
    return answers.page(request, "person_data", context)


@team_view("admin")
@require_safe
def person_archive(request: TeamRequest, github_id: int) -> HttpResponseBase:
    """Everything stored of a person, as a zip of JSON Lines."""
    login, theirs = _person(request.team, github_id)
    record("data.person_exported", team_id=request.team.pk, request=request, object_name=login)
    return _download(archives.of_person(request.team, theirs), f"{request.team.slug}-{login}")


def _person(team: Team, account: int) -> tuple[str, list[int]]:
    """A person's name and all their accounts. Raises Http404."""
    main = accounts.main_accounts(team)
    person = main.get(account, account)
    login = accounts.login_of(team, person)
    if login is None:
        raise Http404("No such account appears in this team.")
    return login, [person, *(other for other, whose in main.items() if whose == person)]


def _download(data: Any, name: str) -> StreamingHttpResponse:
    disposition = f'attachment; filename="{name}.zip"'
    return StreamingHttpResponse(
        data, content_type="application/zip", headers={"Content-Disposition": disposition}
    )


def _confirmed(request: TeamRequest, wanted: str) -> Problem | None:
    """The problem of the confirmation, if any. Raises BadBodyError."""
    said = str(answers.sent(request, "confirm").get("confirm", "")).strip()
    if said.casefold() == wanted.casefold():
        return None
    return Problem("not_confirmed", f"Nothing was deleted: type {wanted} to confirm.", "")


def _delete_team(request: TeamRequest) -> HttpResponse:
    try:
        if problem := _confirmed(request, request.team.slug):
            return answers.back(request, "team_data", problem)
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    record(
        "team.deletion_begun",
        team_id=request.team.pk,
        request=request,
        object_name=request.team.name,
    )
    disconnecting.disconnect(request, request.team)
    with transaction.atomic():
        ApiKey.objects.for_team(request.team).delete()
        Invitation.objects.for_team(request.team).delete()
        Digest.objects.for_team(request.team).delete()
        erasure.of_team(request.team)
    nudge()
    if wants_json(request):
        return JsonResponse({"deleting": True}, status=202)
    return redirect("overview", team=request.team.slug)


def _forget(request: TeamRequest, login: str, theirs: list[int]) -> HttpResponse:
    try:
        if problem := _confirmed(request, login):
            if wants_json(request):
                return answers.back(request, "people", problem)
            answers.back(request, "people", problem)
            return redirect("person_data", request.team.slug, theirs[0])
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    count = forgetting.forget(request.team, theirs)
    traces.wipe()
    # The identity is what is removed: the log only says that it happened.
    record(
        "data.person_forgotten",
        team_id=request.team.pk,
        request=request,
        accounts=len(theirs),
        pull_requests=count,
    )
    if wants_json(request):
        return JsonResponse({"pull_requests": count})
    said = "Their identity is removed. The figures follow in a moment."
    return answers.back(request, "people", said=said)
