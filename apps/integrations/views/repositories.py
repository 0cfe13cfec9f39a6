"""Choosing repositories: a searchable list, ticks that survive paging, patterns, all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.audit.record import record
from apps.integrations.connection import connecting
from apps.integrations.models import AvailableRepository, TrackedRepository
from apps.integrations.repositories import discovery, estimate, sentences, tracking
from apps.integrations.repositories.tracking import (
    PatternsError,
    Selection,
    UnknownRepositoriesError,
)
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Team
from apps.teams.wording import caption

PER_PAGE = 50
SORTS = {
    "pushed": (F("pushed_at").desc(nulls_last=True), "full_name"),
    "name": ("full_name",),
}
FILTERS = {
    "": "All",
    "tracked": "Tracked",
    "untracked": "Not tracked",
    "before": "Tracked before, not now",
}


@dataclass(frozen=True)
class Wish:
    """The part of the list that the user wants to see."""

    search: str
    show: str
    sort: str
    page: str
    without_archived: bool
    without_forks: bool

    @classmethod
    def from_query(cls, data: QueryDict) -> Wish:
        sort, show = data.get("sort", ""), data.get("show", "")
        return cls(
            search=data.get("q", "").replace("\0", "").strip()[:200],
            show=show if show in FILTERS else "",
            sort=sort if sort in SORTS else "pushed",
            page=data.get("page", "1"),
            without_archived="no_archived" in data,
            without_forks="no_forks" in data,
        )

    def query(self, **changes: Any) -> str:
        """As a query string."""
        values = {
            "q": self.search,
            "show": self.show,
            "sort": "" if self.sort == "pushed" else self.sort,
            "no_archived": "1" if self.without_archived else "",
            "no_forks": "1" if self.without_forks else "",
            **changes,
        }
        return urlencode({name: value for name, value in values.items() if value})


@require_http_methods(["GET", "POST"])
@team_view()
def repositories(request: TeamRequest) -> HttpResponse:
    """What can be tracked, and what is."""
    if request.method == "POST":
        look = request.POST.get("look", "")
        return _look(request, look) if look else _track(request)
    return _list(request, Wish.from_query(request.GET), set(request.GET.getlist("repositories")))


@require_GET
@team_view()
def matches(request: TeamRequest) -> HttpResponse:
    """How many repositories a pattern matches, while it is typed."""
    try:
        patterns = tracking.patterns_in(request.GET.get("patterns", ""))
    except PatternsError as error:
        if wants_json(request):
            return answers.refused(str(error), "bad_patterns")
        return answers.page(request, "_matches", {"matching": str(error)})
    names = tracking.available(request.team).order_by("full_name")
    found = tracking.matches(names.values_list("full_name", flat=True), patterns)
    cost = estimate.estimate_cost(names.filter(full_name__in=found))
    if wants_json(request):
        return JsonResponse(
            {"count": len(found), "repositories": found, "estimate": cost.as_json()}
        )
    said = sentences.matching(patterns, found, cost)
    return answers.page(request, "_matches", {"matching": said})


@require_http_methods(["POST", "DELETE"])
@team_view("admin")
def tracking_of_one(request: TeamRequest, github_repo_id: int) -> HttpResponse:
    """Stops tracking; fetched data stays."""
    if answers.effective_method(request) != "DELETE":
        return answers.refused("Send DELETE, or POST with _method=delete.", "bad_method", 405)
    stopped = tracking.stop(request.team, github_repo_id)
    if stopped is None:
        raise Http404("This repository is not tracked.")
    record(
        "github.repository.untracked",
        team_id=request.team.pk,
        request=request,
        object_name=stopped.full_name,
    )
    if request.method == "DELETE" or wants_json(request):
        return HttpResponse(status=204)
    said = f"{stopped.full_name} is no longer tracked. Its pull requests so far are kept."
    return answers.back(request, "repositories", said=said)


def _look(request: TeamRequest, look: str) -> HttpResponse:
    """Another part of the list, with the current ticks: `look` says which, or what to tick."""
    ticked, wish = set(request.POST.getlist("repositories")), Wish.from_query(request.POST)
    if look.startswith("page-"):
        wish = replace(wish, page=look.removeprefix("page-"))
    elif look == "search":
        wish = replace(wish, page="1")
    if look in ("tick", "untick"):
        shown = {row.full_name for row in _page(request.team, wish)}
        ticked = ticked | shown if look == "tick" else ticked - shown
    return _list(request, wish, ticked)


def _page(team: Team, wish: Wish) -> Page[AvailableRepository]:
    return Paginator(_rows(team, wish), PER_PAGE).get_page(wish.page)


def _list(request: TeamRequest, wish: Wish, ticked: set[str]) -> HttpResponse:
    page = _page(request.team, wish)
    if wants_json(request):
        found = [_as_json(row) for row in page]
        return JsonResponse({"repositories": found, "next": _next(request, wish, page)})
    return answers.page(
        request, "repositories", _context(request, wish, page, ticked), fragment="_repositories"
    )


def _context(
    request: TeamRequest, wish: Wish, page: Page[AvailableRepository], ticked: set[str]
) -> dict[str, Any]:
    listed = tracking.available(request.team)
    total = listed.count()
    integrations = list(connecting.connected(request.team))
    here = {row.full_name for row in page}
    others = listed.filter(full_name__in=ticked - here)
    elsewhere = list(others.values_list("full_name", flat=True))
    mine = TrackedRepository.objects.for_team(request.team)
    tracked = mine.filter(is_active=True).count()
    before = listed.filter(github_repo_id__in=mine.values("github_repo_id"))
    return {
        "page": page,
        "caption": caption(page, "repository", "repositories"),
        "wish": wish,
        "filters": FILTERS,
        "ticked": ticked,
        "ticked_elsewhere": elsewhere,
        "can_tick": elsewhere or any(not row.tracked for row in page),  # type: ignore[attr-defined]
        "total": total,
        "hidden": total - page.paginator.count,
        "tracked": tracked,
        "tracked_before": 0 if tracked else before.count(),
        "found": discovery.Summary(integrations),
        "followed": sorted({p for i in integrations if i.track_new for p in i.track_patterns}),
        "is_admin": request.membership.is_admin,
    }


def _rows(team: Team, wish: Wish) -> QuerySet[AvailableRepository]:
    mine = TrackedRepository.objects.for_team(team).filter(
        github_repo_id=OuterRef("github_repo_id")
    )
    rows = (
        tracking.available(team)
        .annotate(tracked=Exists(mine.filter(is_active=True)))
        .annotate(before=Exists(mine.filter(is_active=False)))
        .select_related("integration")
    )
    if wish.search:
        rows = rows.filter(full_name__icontains=wish.search)
    if wish.show == "before":
        rows = rows.filter(before=True)
    elif wish.show:
        rows = rows.filter(tracked=wish.show == "tracked")
    if wish.without_archived:
        rows = rows.filter(is_archived=False)
    if wish.without_forks:
        rows = rows.filter(is_fork=False)
    return rows.order_by(*SORTS[wish.sort])


def _as_json(row: Any) -> dict[str, Any]:
    return {
        "github_repo_id": row.github_repo_id,
        "full_name": row.full_name,
        "private": row.is_private,
        "archived": row.is_archived,
        "fork": row.is_fork,
        "pushed_at": row.pushed_at,
        "tracked": row.tracked,
    }


def _next(request: TeamRequest, wish: Wish, page: Page[AvailableRepository]) -> str | None:
    if not page.has_next():
        return None
    here = reverse("repositories", kwargs={"team": request.team.slug})
    return f"{here}?{wish.query(page=page.next_page_number())}"


def _track(request: TeamRequest) -> HttpResponse:
    if not request.membership.is_admin:
        if wants_json(request):
            return answers.refused("Only an admin of the team may do this.", "not_admin", 403)
        raise PermissionDenied("Only an admin of the team may do this.")
    if request.POST.get("action") == "follow-none":
        return _follow_none(request)
    return _track_chosen(request)


def _track_chosen(request: TeamRequest) -> HttpResponse:
    try:
        selection = _selection(request)
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    except PatternsError as error:
        return _nothing_tracked(request, str(error), "bad_patterns")
    if selection.is_empty:
        return _nothing_tracked(request, "No repository was chosen.", "nothing_chosen")
    awaited = discovery.Summary(list(connecting.connected(request.team))).is_listing
    if awaited and (selection.everything or selection.patterns):
        said = "GitHub's list of repositories is still being fetched. Try again in a moment."
        return _nothing_tracked(request, said, "still_listing", status=409)
    try:
        rows = _select(request.team, selection)
    except UnknownRepositoriesError as error:
        said = _unknown(error)
        return _nothing_tracked(request, said, "unknown_repositories", unknown=error.names)
    _audit(request, selection, len(rows))
    if wants_json(request):
        return JsonResponse({"tracked": [row.full_name for row in rows]})
    if not rows:
        return _nothing_tracked(request, "No repository matches that pattern.", "no_match")
    return answers.back(request, "sync_status")


def _audit(request: TeamRequest, selection: Selection, count: int) -> None:
    if count or selection.track_new:
        record(
            "github.repositories.tracked",
            team_id=request.team.pk,
            request=request,
            repositories=count,
            patterns=selection.patterns,
            everything=selection.everything,
        )


def _select(team: Team, selection: Selection) -> list[AvailableRepository]:
    try:
        return tracking.select(team, selection)
    except UnknownRepositoriesError as error:
        discovery.look_up(team, error.names)
        return tracking.select(team, selection)


def _follow_none(request: TeamRequest) -> HttpResponse:
    tracking.follow(request.team, [])
    record("github.repositories.following_ended", team_id=request.team.pk, request=request)
    said = "New repositories are no longer tracked automatically."
    return answers.back(request, "repositories", said=said)


def _selection(request: TeamRequest) -> Selection:
    return _from_json(request) if answers.is_json(request) else _from_form(request.POST)


def _from_form(data: QueryDict) -> Selection:
    match data.get("action"):
        case "all":
            return Selection(everything=True, track_new="track_new" in data)
        case "patterns":
            patterns = tracking.patterns_in(str(data.get("patterns", "")))
            return Selection(patterns=patterns, track_new="track_new" in data)
        case _:
            return Selection(names=[str(name) for name in data.getlist("repositories")])


def _from_json(request: TeamRequest) -> Selection:
    data = answers.body(request)
    names, patterns = data.get("repositories", []), data.get("patterns", [])
    if not _strings(names) or not _strings(patterns):
        raise answers.BadBodyError("“repositories” and “patterns” must be lists of text.")
    track_new = data.get("track_new")
    return Selection(
        names=names,
        patterns=tracking.patterns_in("\n".join(patterns)),
        everything=data.get("all") is True,
        track_new=track_new if isinstance(track_new, bool) else None,
    )


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _unknown(error: UnknownRepositoriesError) -> str:
    names = ", ".join(error.names[:5]) + (" and others" if len(error.names) > 5 else "")
    return (
        f"Nothing was changed, because GitHub does not show {names} to this team's connection. "
        "Fetch the list again, or check the token's access on GitHub."
    )


def _nothing_tracked(
    request: TeamRequest, said: str, code: str, status: int = 400, **more: Any
) -> HttpResponse:
    if wants_json(request):
        return answers.refused(said, code, status, **more)
    messages.error(request, said)
    return answers.back(request, "repositories")
