"""Merging accounts of one person, which are suggested or searched for."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.http import require_GET, require_POST

from apps.integrations.access.problems import Problem
from apps.integrations.people import same_people, suggestions
from apps.integrations.people.same_people import NotOnePersonError
from apps.integrations.views import answers
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest, SamePerson, TeamMember
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Team

FOUND = 20
OFFERED = 500


@require_GET
@team_view("admin")
def several_accounts(request: TeamRequest) -> HttpResponse:
    """Suggestions, decisions, and a search for other accounts."""
    decided = SamePerson.objects.for_team(request.team).select_related("member", "decided_by")
    same = decided.filter(is_same=True).order_by("member__github_username", "login")
    other = decided.filter(is_same=False).order_by("login")
    suggested = suggestions.of_team(request.team)
    search = _search(request.GET)
    found = _search_results(request.team, search) if search else []
    if wants_json(request):
        return JsonResponse(_as_json(suggested, list(same), list(other), found))
    members = TeamMember.objects.for_team(request.team).filter(is_bot=False)
    context = {
        "suggested": suggested,
        "same": same,
        "other": other,
        "search": search,
        "found": found,
        "members": members.order_by("-is_active", "github_username")[:OFFERED],
    }
    return answers.page(request, "same_people", context)


@require_POST
@team_view("admin")
def decide(request: TeamRequest, github_id: int) -> HttpResponse:
    """Decides about an account and a member: `decision` is same, other, or undo."""
    try:
        data = answers.body(request) if answers.is_json(request) else request.POST
        said = _decide(request, github_id, str(data.get("decision", "")), data)
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    except NotOnePersonError as error:
        return _refused(request, str(error))
    if wants_json(request):
        return JsonResponse({"message": said})
    return answers.back(request, "same_people", said=said, search=_search(request.POST))


def _refused(request: TeamRequest, message: str) -> HttpResponse:
    problem = Problem("not_one_person", message, "Nothing was changed.")
    return answers.back(request, "same_people", problem, search=_search(request.POST))


def _search(data: QueryDict) -> str:
    return data.get("q", "").replace("\0", "").strip()[:100]


def _decide(request: TeamRequest, account: int, decision: str, data: Any) -> str:
    if not _appears(request.team, account):
        raise Http404("No such account appears in this team.")
    member = _member(request.team, str(data.get("member", "")).strip())
    if decision == "same":
        row = same_people.make_one(
            request, request.team, account, member, str(data.get("reason", ""))[:200]
        )
        return f"{row.login} counts as {row.member} from now on. The figures follow in a moment."
    if decision == "other":
        same_people.refuse(request, request.team, account, member)
        return "They are two people: it is not suggested again."
    if decision != "undo":
        raise answers.BadBodyError("The decision must be same, other or undo.")
    row = _decision(request.team, account, member)
    if row.is_same:
        same_people.separate(request, row)
        return f"{row.login} is a separate person again. The figures follow in a moment."
    same_people.forget_refusal(request, row)
    return f"{row.login} may be suggested again."


def _appears(team: Team, account: int) -> bool:
    decided = SamePerson.objects.for_team(team).filter(github_id=account)
    return bool(accounts.login_of(team, account) or decided.exists())


def _decision(team: Team, account: int, member: TeamMember) -> SamePerson:
    found = SamePerson.objects.for_team(team).filter(github_id=account, member=member)
    row = found.first()
    if row is None:
        raise Http404("Nothing was decided about these two.")
    return row


def _member(team: Team, wanted: str) -> TeamMember:
    """By login or GitHub's id. Raises NotOnePersonError."""
    rows = TeamMember.objects.for_team(team).filter(is_bot=False)
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
    by_id = Q(github_id=int(wanted)) if is_number else Q(pk=None)
    found = list(rows.filter(by_id | Q(github_username__iexact=wanted.removeprefix("@")))[:2])
    if len(found) != 1:
        shown = wanted[:100].replace("\0", "")
        raise NotOnePersonError(f"“{shown}” is not the login of a person of this team on GitHub.")
    member: TeamMember = found[0]
    return member


def _search_results(team: Team, search: str) -> list[dict[str, Any]]:
    """Accounts whose login or name has the text, members first."""
    members = (
        TeamMember.objects.for_team(team)
        .filter(Q(github_username__icontains=search) | Q(name__icontains=search), is_bot=False)
        .order_by("github_username")[:FOUND]
    )
    found = {
        row.github_id: {"github_id": row.github_id, "login": row.github_username, "name": row.name}
        for row in members
    }
    written = PullRequest.objects.for_team(team).filter(is_bot=False)
    for acted, role in ((written, "author"), (PRReview.objects.for_team(team), "reviewer")):
        rows: QuerySet[Any] = acted.filter(
            **{f"{role}_login__icontains": search, f"{role}_github_id__isnull": False}
        )
        named = rows.order_by().values_list(f"{role}_github_id", f"{role}_login").distinct()[:FOUND]
        for number, login in named:
            found.setdefault(number, {"github_id": number, "login": login, "name": ""})
    linked = {
        row.github_id: str(row.member) for row in accounts.others(team).select_related("member")
    }
    known = set(
        TeamMember.objects.for_team(team)
        .filter(github_id__in=found)
        .values_list("github_id", flat=True)
    )
    return [
        {**row, "is_outside": number not in known, "same_as": linked.get(number, "")}
        for number, row in list(found.items())[:FOUND]
    ]


def _as_json(
    suggested: list[suggestions.Suggestion],
    same: list[SamePerson],
    other: list[SamePerson],
    found: list[dict[str, Any]],
) -> dict[str, Any]:
    def decided(rows: list[SamePerson]) -> list[dict[str, Any]]:
        return [
            {"github_id": row.github_id, "login": row.login, "member": row.member.github_username}
            for row in rows
        ]

    return {
        "suggestions": [
            {
                "github_id": each.account,
                "login": each.login,
                "member": each.member.github_username,
                "reason": each.reason,
            }
            for each in suggested
        ],
        "same": decided(same),
        "other": decided(other),
        "found": found,
    }
