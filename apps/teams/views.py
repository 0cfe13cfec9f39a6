"""Landing page, creating a team, and a team's settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.audit.record import record
from apps.teams.access import TeamRequest, team_view
from apps.teams.changes import figures_changed, team_settings_changed
from apps.teams.forms import NewTeamForm, TeamForm
from apps.teams.membership import create_team, just_made
from apps.teams.models import Membership, Team
from apps.users.models import User
from apps.users.second_factors import has_proven

# What the figures of a single pull request depend on.
DEFINITIONS = {
    *("hotfix_labels", "hotfix_branches", "hotfix_titles", "bot_logins"),
    *("excluded_repositories", "excluded_branches"),
    *("ai_logins", "ai_trailers", "ai_branches", "ai_labels", "ai_ignored"),
}


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """The user's last team, the form for a first team, or the landing page for visitors."""
    if not request.user.is_authenticated:
        return render(request, "teams/welcome.html")
    newest_first = F("last_opened_at").desc(nulls_last=True), "-created_at"
    mine = Membership.objects.filter(user=request.user, team__deleting_since=None)
    membership = mine.select_related("team").order_by(*newest_first).first()
    return redirect(f"/a/{membership.team.slug}/" if membership else "team_new")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_team(request: HttpRequest) -> HttpResponse:
    """Creates a team, with the user as its admin."""
    form = NewTeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = cast(User, request.user)
        name = form.cleaned_data["name"]
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)  # serialises concurrent requests
            team = just_made(name, user)
            if team is None:
                team = create_team(name, user)
                record("team.created", team_id=team.pk, request=request, object_name=team.name)
        return redirect(f"/a/{team.slug}/")
    return render(request, "teams/new.html", {"form": form}, status=_status(form))


@team_view()
@require_http_methods(["GET", "HEAD", "POST"])
def team_settings(request: TeamRequest) -> HttpResponse:
    """The team's name and settings; members read, admins change."""
    if not request.membership.is_admin:
        return team_settings_shown(request)
    now = Team.objects.get(pk=request.team.pk)
    form = TeamForm(has_proven(request), request.POST or None, instance=now)
    if request.method == "POST" and form.is_valid():
        _save(request, form)
        later = DEFINITIONS & set(form.changed_data)
        follow = " The figures follow in a moment." if later else ""
        messages.success(request, f"The settings are saved.{follow}")
        return redirect("team_settings", team=request.team.slug)
    return render(request, "teams/settings.html", {"form": form}, status=_status(form))


def team_settings_shown(request: TeamRequest) -> HttpResponse:
    """The settings as a member sees them."""
    if request.method == "POST":
        return refuse(request)
    return render(request, "teams/settings_shown.html")


def refuse(request: TeamRequest) -> HttpResponse:
    """The answer to a member who lacks the right."""
    return render(request, "403.html", status=403)


def _save(request: TeamRequest, form: TeamForm) -> None:
    changed = set(form.changed_data) - {"may_delete"}
    if not changed:
        return
    details: dict[str, Any] = {field: form.cleaned_data[field] for field in sorted(changed)}
    before = {field: form.initial.get(field) for field in details}
    said = {
        str(form.fields[field].label): [_in_words(form, field, old), _in_words(form, field, new)]
        for field, (old, new) in _pairs(before, details)
    }
    with transaction.atomic():
        team, written = form.instance, set(changed)
        if changed & DEFINITIONS:
            team.recalculate_from = 0
            written.add("recalculate_from")
        # Saves only these fields: workers update others in the row concurrently.
        team.save(update_fields=written)
        figures_changed(team.pk)
        record(
            "team.settings_changed",
            team_id=team.pk,
            request=request,
            object_name=team.name,
            changed=details,
            before=before,
            said=said,
        )
        transaction.on_commit(
            lambda: team_settings_changed.send(Team, team=team, changed=changed), robust=True
        )


def _pairs(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for field, new in now.items():
        yield field, (before[field], new)


def _in_words(form: TeamForm, field: str, value: Any) -> str:
    """A setting as the form shows it."""
    choices = dict(getattr(form.fields[field], "choices", ()))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(choices.get(value, "none" if value in (None, "") else value))


def _status(form: Any) -> int:
    return 422 if form.is_bound and form.errors else 200
