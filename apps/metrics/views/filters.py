"""Selecting in the filter bar: the selection is remembered; long lists are searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.metrics.figures import queries
from apps.metrics.filters import remembering
from apps.metrics.filters.form import Choices, FilterForm, Option, parse
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.models import PullRequest
from apps.teams.access import TeamRequest, team_view, wants_json

MOST = 50
# Branches and labels are not listed anywhere: those in use appear in the newest pull requests.
NEWEST = 2_000


@team_view()
@require_POST
def choose(request: TeamRequest) -> HttpResponse:
    """Remembers the bar's selection and redirects to the page with it; `forget` resets it."""
    path = _page(request)
    if request.POST.get("forget"):
        remembering.forget(request.membership)
        return redirect(path)
    form = FilterForm(request.POST, Choices.for_viewer(viewer_of(request)))
    kept = remembering.beside(request.POST)
    if not form.is_valid():
        return redirect(f"{path}?{urlencode([*_given(request), *kept])}")
    first = queries.data_version(request.team).first_opened_at
    filters = parse(form, request.team, first)
    remembering.remember(request.membership, filters)
    return redirect("?".join([path, "&".join(filter(None, [filters.query, urlencode(kept)]))]))


@team_view()
@require_safe
def options(request: TeamRequest) -> HttpResponse:
    """The options of a kind that match the typed text."""
    kind = request.GET.get("kind", "")
    wanted = request.GET.get(kind, "").strip()
    available = _options(request, kind)
    found = [each for each in available if _has(each, wanted.casefold())]
    if wants_json(request):
        return JsonResponse({"count": len(found), "options": [each.value for each in found]})
    context = {
        "name": kind,
        "options": found[:MOST],
        "count": len(found),
        "total": len(available),
        "wanted": wanted,
        "may_add": kind in ("base", "label") and wanted and Option(wanted) not in available,
    }
    return render(request, "metrics/options.html", context)


def _options(request: TeamRequest, kind: str) -> Sequence[Option]:
    choices = Choices.for_viewer(viewer_of(request))
    listed = {"repo": choices.repositories, "person": choices.people, "group": choices.groups}
    if kind in listed:
        return listed[kind]
    newest = PullRequest.objects.for_team(request.team).order_by("-opened_at")
    if kind == "base":
        return _in_use(newest.values_list("base_branch", flat=True)[:NEWEST])
    if kind == "label":
        rows = newest.values_list("labels", flat=True)[:NEWEST]
        return _in_use([label for labels in rows for label in labels])
    raise Http404("There is no such list.")


def _in_use(names: Iterable[str]) -> list[Option]:
    """The most used come first."""
    return [Option(name) for name, _ in Counter(names).most_common()]


def _has(option: Option, text: str) -> bool:
    return text in option.value.casefold() or text in option.detail.casefold()


def _page(request: TeamRequest) -> str:
    """The team's page that the bar is on."""
    home = f"/a/{request.team.slug}/"
    path = request.POST.get("path", "").partition("?")[0].partition("#")[0]
    return path if path.startswith(home) and "\\" not in path else home


def _given(request: TeamRequest) -> list[tuple[str, str]]:
    names = [name for name in FilterForm.base_fields if name in request.POST]
    return [(name, value) for name in names for value in request.POST.getlist(name) if value]
