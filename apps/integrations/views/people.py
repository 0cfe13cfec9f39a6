"""The people of the team's organisations: who counts, who left, and their teams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.http import require_GET, require_POST

from apps.audit.record import record
from apps.integrations.connection import connecting
from apps.integrations.repositories import discovery
from apps.integrations.views import answers
from apps.metrics.figures import names
from apps.metrics.models import Group, TeamMember
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.changes import figures_changed
from apps.teams.models import Team
from apps.teams.wording import caption

PER_PAGE = 100
EXCLUDED = (
    "Excluded people do not appear in figures about people; their pull requests still count for "
    "the team."
)
NOBODY = {
    "active": "Nobody is active.",
    "hidden": f"Nobody is excluded. {EXCLUDED}",
    "left": "Nobody has left since GitHub was connected.",
    "bots": "No bot is a member. Bots that open pull requests are known by GitHub's account type.",
}
SHOWN = {
    "active": ("Active", Q(is_active=True, is_bot=False, is_hidden=False)),
    "hidden": ("Excluded", Q(is_hidden=True)),
    "left": ("Left", Q(is_active=False)),
    "bots": ("Bots", Q(is_bot=True)),
    "all": ("All", Q()),
}


@dataclass(frozen=True)
class Wish:
    """The people that the user wants to see."""

    search: str
    show: str
    group: str
    page: str

    @classmethod
    def from_query(cls, data: QueryDict) -> Wish:
        show = data.get("show", "")
        return cls(
            search=data.get("q", "").replace("\0", "").strip()[:200],
            show=show if show in SHOWN else "active",
            group=data.get("group", ""),
            page=data.get("page", "1"),
        )


@require_GET
@team_view()
def people(request: TeamRequest) -> HttpResponse:
    """All people, by filter, a page at a time."""
    wish = Wish.from_query(request.GET)
    page = Paginator(_rows(request.team, wish), PER_PAGE).get_page(wish.page)
    if wants_json(request):
        found = [_as_json(row) for row in page]
        return JsonResponse({"people": found, "count": page.paginator.count})
    groups = Group.objects.for_team(request.team).annotate(size=Count("members"))
    called = names.of_teams(groups)
    context = {
        "page": page,
        "caption": caption(page, "person", "people"),
        "nobody": _nobody(wish),
        "excluded_means": EXCLUDED,
        "wish": wish,
        "tabs": _tabs(request.team),
        "groups": [(group, called[group.pk]) for group in groups],
        "total": TeamMember.objects.for_team(request.team).count(),
        "found": discovery.Summary(list(connecting.connected(request.team))),
        "is_admin": request.membership.is_admin,
    }
    return answers.page(request, "people", context, fragment="_people")


@require_POST
@team_view("admin")
def person(request: TeamRequest, github_id: int) -> HttpResponse:
    """Excludes a person from figures, or includes them: `hidden` is 1 or 0."""
    member = TeamMember.objects.for_team(request.team).filter(github_id=github_id).first()
    if member is None:
        raise Http404("There is no such person in this team.")
    try:
        data = answers.body(request) if answers.is_json(request) else request.POST
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    member.is_hidden = str(data.get("hidden", "")).lower() in ("1", "true", "on")
    with transaction.atomic():
        figures_changed(member.team_id)
        member.save(update_fields=["is_hidden", "modified_at"])
    action = "people.switched_off" if member.is_hidden else "people.switched_on"
    record(action, team_id=request.team.pk, request=request, object_name=member.github_username)
    if wants_json(request):
        return JsonResponse(_as_json(member))
    verb = "excluded from" if member.is_hidden else "included in"
    said = f"{member} is {verb} figures about people."
    if request.htmx:
        # Counts and lists elsewhere on the page change with it.
        messages.success(request, said)
        return HttpResponse(headers={"HX-Refresh": "true"})
    return answers.back(request, "people", said=said)


def _rows(team: Team, wish: Wish) -> QuerySet[TeamMember]:
    rows = TeamMember.objects.for_team(team).filter(SHOWN[wish.show][1])
    if wish.search:
        rows = rows.filter(
            Q(github_username__icontains=wish.search) | Q(name__icontains=wish.search)
        )
    if group := answers.github_id(wish.group):
        rows = rows.filter(groups__github_id=group)
    return rows.prefetch_related("groups").order_by(Lower("github_username"))


def _nobody(wish: Wish) -> str:
    """Why the list is empty."""
    if wish.search or wish.group:
        return "Nobody matches the search and the GitHub team."
    return NOBODY.get(wish.show, "Nobody is here.")


def _tabs(team: Team) -> list[dict[str, Any]]:
    counts = TeamMember.objects.for_team(team).aggregate(
        **{name: Count("pk", filter=condition or None) for name, (_, condition) in SHOWN.items()}
    )
    return [{"name": n, "label": label, "count": counts[n]} for n, (label, _) in SHOWN.items()]


def _as_json(member: TeamMember) -> dict[str, Any]:
    return {
        "github_id": member.github_id,
        "login": member.github_username,
        "name": member.name,
        "role": member.role,
        "is_active": member.is_active,
        "is_hidden": member.is_hidden,
        "is_bot": member.is_bot,
        "left_at": member.left_at,
        "groups": [group.slug for group in member.groups.all()],
    }
