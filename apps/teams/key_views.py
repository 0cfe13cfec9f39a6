"""A member's keys for the read API."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.audit.record import record
from apps.teams import api_keys
from apps.teams.access import TeamRequest, team_view
from apps.teams.models import ApiKey
from apps.users import proof

MOST_KEYS = 20


@team_view()
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: TeamRequest) -> HttpResponse:
    """The user's own keys, for admins all keys; POST creates a key and shows it once."""
    if request.method != "POST":
        return _page(request)
    name = request.POST.get("name", "").replace("\x00", "").strip()
    mine = ApiKey.objects.for_team(request.team).filter(user=request.user, revoked_at__isnull=True)
    if not proof.may_add(request.user):
        return _page(request, error=proof.FIRST, status=422)
    if not name or len(name) > 100:
        return _page(request, error="Give the key a name of up to 100 letters.", status=422)
    if mine.count() >= MOST_KEYS:
        return _page(request, error=f"Revoke one first: {MOST_KEYS} keys are enough.", status=422)
    row, text = api_keys.make(request.team, request.user, name)
    record("api_key.made", team_id=request.team.pk, request=request, object_name=str(row))
    return _page(request, made=text)


@team_view()
@require_POST
def revoke(request: TeamRequest, key: int) -> HttpResponse:
    """Revokes one of the user's own keys; admins may revoke any."""
    row = _visible(request).filter(pk=key).first()
    if row is None:
        raise Http404("There is no such key.")
    api_keys.revoke(row)
    record("api_key.revoked", team_id=request.team.pk, request=request, object_name=str(row))
    messages.success(request, f"The key {row.name} no longer works.")
    return redirect("api_keys", team=request.team.slug)


def _visible(request: TeamRequest):  # type: ignore[no-untyped-def]
    rows = ApiKey.objects.for_team(request.team).filter(revoked_at__isnull=True)
    return rows if request.membership.is_admin else rows.filter(user=request.user)


def _page(
    request: TeamRequest, *, made: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    context = {"keys": _visible(request).select_related("user"), "made": made, "error": error}
    return render(request, "teams/api_keys.html", context, status=status)
