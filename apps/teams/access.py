"""Who may open a team's pages: members, some pages only admins. Outsiders learn nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from apps.teams.models import Membership, Team
from apps.teams.zones import zone_of
from apps.users.models import User
from apps.users.second_factors import has_proven, has_second_factor

RoleName = Literal["member", "admin"]
View = Callable[..., HttpResponseBase]


class SecondFactorError(PermissionDenied):
    """The team requires a second factor, and this session has not proven one."""

    def __init__(self, *, is_set_up: bool) -> None:
        self.is_set_up = is_set_up
        todo = "Sign in again with yours" if is_set_up else "Set one up in your account first"
        super().__init__(f"This team asks for a second factor. {todo}.")


class TeamRequest(HttpRequest):
    """A request by a member for a page of their team."""

    user: User
    team: Team
    membership: Membership
    memberships: list[Membership]
    htmx: HtmxDetails
    data_version: str
    comes_in_parts: bool


def wants_json(request: HttpRequest) -> bool:
    """Whether the client prefers JSON to a page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def team_view(role: RoleName = "member") -> Callable[[View], View]:
    """Guards a view under `/a/<slug:team>/…`, which gets a `TeamRequest` and no `team` argument.

    Signed out: sign-in page (401 for JSON); outsider: 404; member without the right: 403.
    """

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, team: str, **arguments: Any) -> HttpResponseBase:
            try:
                refusal = _admit(request, team, role)
            except (Http404, PermissionDenied) as error:
                return _refuse(request, error)
            if refusal:
                return refusal
            with timezone.override(zone_of(request.team.timezone)):  # type: ignore[attr-defined]
                return view(request, **arguments)

        return guarded

    return decorate


def _admit(request: HttpRequest, slug: str, role: RoleName) -> HttpResponse | None:
    """Sets `request.team`, `membership` and `memberships`; returns an answer for others."""
    user = request.user
    if not user.is_authenticated:
        return _ask_to_sign_in(request, slug)
    # All of the user's memberships at once, since the page's menu lists their teams.
    mine = list(Membership.objects.select_related("team").filter(user=user).order_by("team__name"))
    membership = next((each for each in mine if each.team.slug == slug), None)
    if membership is None:
        raise Http404("There is no such page, or you are not in its team.")
    if membership.team.deleting_since:
        return _being_deleted(request, membership.team)
    if membership.team.require_second_factor:
        _ask_for_second_factor(request, user)
    if role == "admin" and not membership.is_admin:
        raise PermissionDenied("Only an admin of the team may do this.")
    request.team, request.membership = membership.team, membership  # type: ignore[attr-defined]
    request.memberships = mine  # type: ignore[attr-defined]
    _remember(request, membership)
    return None


def _ask_for_second_factor(request: HttpRequest, user: User) -> None:
    """Checks the session: one from before a second factor was set up has not proven it."""
    if not has_proven(request):
        raise SecondFactorError(is_set_up=has_second_factor(user))


def _being_deleted(request: HttpRequest, team: Team) -> HttpResponse:
    if wants_json(request):
        left = {"error": "The team is being deleted.", "pull_requests_left": team.deletion_left}
        return JsonResponse(left, status=410)
    return render(request, "teams/being_deleted.html", {"deleted": team}, status=410)


def _ask_to_sign_in(request: HttpRequest, slug: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": "Sign in first."}, status=401)
    if getattr(request, "htmx", None):
        # A redirect would put the sign-in page into a part of the page.
        return HttpResponseClientRefresh()
    # After signing in, the user comes back with GET, which a POST-only address would refuse.
    reading = request.method in ("GET", "HEAD")
    return redirect_to_login(request.get_full_path() if reading else f"/a/{slug}/")


def _refuse(request: HttpRequest, error: Http404 | PermissionDenied) -> HttpResponse:
    if wants_json(request):
        status = 404 if isinstance(error, Http404) else 403
        return JsonResponse({"error": str(error)}, status=status)
    if not isinstance(error, SecondFactorError):
        raise error
    if getattr(request, "htmx", None):
        return HttpResponseClientRefresh()
    context = {"is_set_up": error.is_set_up, "next": request.get_full_path()}
    return render(request, "teams/second_factor_missing.html", context, status=403)


def _remember(request: HttpRequest, membership: Membership) -> None:
    # Once per switch: page views must not write to the database.
    if request.session.get("team") != membership.team_id:
        request.session["team"] = membership.team_id
        Membership.objects.filter(pk=membership.pk).update(last_opened_at=timezone.now())
