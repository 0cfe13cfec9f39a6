"""Saved lists of a team: every member may save one, its author and admins change it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from apps.audit.record import record
from apps.metrics.figures import queries
from apps.metrics.filters.form import Choices, FilterForm, parse
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.lists import explorer
from apps.metrics.lists.saved import as_data
from apps.metrics.models import SavedView
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import MOST_OF_A_QUERY

MOST_VIEWS = 200
LONGEST_NAME = 100


class RefusedError(ValueError):
    """An invalid view; its text is a sentence for the user."""


@team_view()
@require_http_methods(["GET", "HEAD", "POST"])
def saved_views(request: TeamRequest) -> HttpResponse:
    """All of the team's; POST saves one more."""
    if request.method != "POST":
        return _list(request)
    try:
        name, query = _name(request), _query(request)
        if SavedView.objects.for_team(request.team).count() >= MOST_VIEWS:
            raise RefusedError(f"Delete one first: {MOST_VIEWS} views are enough.")
        view = _saved(SavedView(team=request.team, name=name, query=query, made_by=request.user))
    except RefusedError as error:
        if request.htmx:  # with the typed name; htmx shows nothing of a failure
            return HttpResponse(escape(error))
        return _list(request, error=str(error), status=422)
    record("view.saved", team_id=request.team.pk, request=request, object_name=view.name)
    if wants_json(request):
        return JsonResponse(as_data(view), status=201)
    messages.success(request, f"Saved as {view.name}, for everyone in {request.team.name}.")
    address = _address(request, view)
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@team_view()
@require_http_methods(["GET", "HEAD", "POST", "DELETE"])
def saved_view(request: TeamRequest, view: int) -> HttpResponse:
    """Opens a view; POST renames it, DELETE deletes it."""
    found = SavedView.objects.for_team(request.team).filter(pk=view).first()
    if found is None:
        raise Http404("There is no such view.")
    if request.method in ("GET", "HEAD"):
        return redirect(_address(request, found))
    if not may_change(request, found):
        raise PermissionDenied("Only its author or an admin of the team may change a view.")
    if request.method == "DELETE" or request.POST.get("_method", "").lower() == "delete":
        return _delete(request, found)
    return _rename(request, found)


def may_change(request: TeamRequest, view: SavedView) -> bool:
    """Whether the user may rename or delete it."""
    return request.membership.is_admin or view.made_by_id == request.user.pk


def _delete(request: TeamRequest, view: SavedView) -> HttpResponse:
    view.delete()
    record("view.deleted", team_id=request.team.pk, request=request, object_name=view.name)
    if request.method == "DELETE":
        return HttpResponse(status=204)
    messages.success(request, f"Deleted the view {view.name}.")
    return redirect("saved_views", request.team.slug)


def _rename(request: TeamRequest, view: SavedView) -> HttpResponse:
    former = view.name
    try:
        view.name = _name(request)
        _saved(view)
    except RefusedError as error:
        return _list(request, error=str(error), status=422)
    record(
        "view.renamed",
        team_id=request.team.pk,
        request=request,
        object_name=view.name,
        former=former,
    )
    if wants_json(request):
        return JsonResponse(as_data(view))
    return redirect("saved_views", request.team.slug)


def _saved(view: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise RefusedError(f"There is a view called {view.name} already.") from error
    return view


def _name(request: TeamRequest) -> str:
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise RefusedError(f"Give the view a name of up to {LONGEST_NAME} letters.")
    return name


def _query(request: TeamRequest) -> str:
    """The list's validated query string, without the current page."""
    given = QueryDict(request.POST.get("query", "").replace("\x00", ""))
    form = FilterForm(given, Choices.for_viewer(viewer_of(request)))
    if not form.is_valid():
        raise RefusedError(form.sentences[0])
    try:
        chosen = explorer.choice(given, viewer_of(request))
    except explorer.BadAddressError as error:
        raise RefusedError(str(error)) from error
    first = queries.data_version(request.team).first_opened_at
    filters = parse(form, request.team, first)
    query = filters.address("", **chosen.params).removeprefix("?")
    if len(query) > MOST_OF_A_QUERY:
        raise RefusedError("This list has too many filters to be saved. Remove some first.")
    return query


def _address(request: TeamRequest, view: SavedView) -> str:
    return f"{reverse('pull_requests', args=[request.team.slug])}?{view.query}"


def _list(request: TeamRequest, error: str = "", status: int = 200) -> HttpResponse:
    views = SavedView.objects.for_team(request.team).select_related("made_by")
    if wants_json(request):
        if error:
            return JsonResponse({"errors": [error]}, status=status)
        return JsonResponse({"views": [as_data(view) for view in views]})
    context = {
        "views": [(view, may_change(request, view)) for view in views],
        "error": error,
    }
    return render(request, "metrics/saved_views.html", context, status=status)
