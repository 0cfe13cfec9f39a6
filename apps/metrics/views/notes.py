"""Notes on days, which all charts over time show; their author and admins may delete one."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.audit.record import record
from apps.metrics.models import Note
from apps.teams.access import TeamRequest, team_view
from apps.teams.changes import figures_changed

MOST_NOTES, LONGEST = 200, 80


@team_view()
@require_http_methods(["GET", "HEAD", "POST"])
def notes(request: TeamRequest) -> HttpResponse:
    """All of the team's, the latest first; POST adds one."""
    error = _make(request) if request.method == "POST" else ""
    if request.method == "POST" and not error:
        return redirect("notes", request.team.slug)
    rows = Note.objects.for_team(request.team).select_related("made_by").order_by("-day", "-pk")
    shown = [(note, _may_delete(request, note)) for note in rows]
    context = {"notes": shown, "error": error}
    return render(request, "metrics/notes.html", context, status=422 if error else 200)


@team_view()
@require_POST
def note(request: TeamRequest, note: int) -> HttpResponse:
    """Deletes a note."""
    found = Note.objects.for_team(request.team).filter(pk=note).first()
    if found is None:
        raise Http404("There is no such note.")
    if not _may_delete(request, found):
        raise PermissionDenied("Only its author or an admin of the team may remove a note.")
    found.delete()
    figures_changed(request.team.pk)
    record("note.deleted", team_id=request.team.pk, request=request, object_name=str(found))
    messages.success(request, "The note is removed.")
    return redirect("notes", request.team.slug)


def _may_delete(request: TeamRequest, note: Note) -> bool:
    return request.membership.is_admin or note.made_by_id == request.user.pk


def _make(request: TeamRequest) -> str:
    """Stores the form's note; returns why not if it cannot be stored."""
    text = " ".join(request.POST.get("text", "").replace("\x00", "").split())
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
    except ValueError:
        return "Choose the day on which it happened."
    if not text or len(text) > LONGEST:
        return f"Say in up to {LONGEST} letters what happened."
    if Note.objects.for_team(request.team).count() >= MOST_NOTES:
        return f"Remove one first: {MOST_NOTES} notes are enough."
    made = Note.objects.create(team=request.team, day=day, text=text, made_by=request.user)
    figures_changed(request.team.pk)
    record("note.made", team_id=request.team.pk, request=request, object_name=str(made))
    return ""
