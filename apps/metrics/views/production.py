"""The production pages: the five figures, deployments as a list, and one deployment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from apps.audit.record import record
from apps.metrics.figures import production_queries
from apps.metrics.filters.chosen import Filters
from apps.metrics.lists import deployments as lists
from apps.metrics.lists import export, places
from apps.metrics.lists.explorer import BadAddressError
from apps.metrics.models import Application
from apps.metrics.pages import deployment as pages
from apps.metrics.pages import production
from apps.metrics.pages import production_sentences as sentences
from apps.metrics.pages.answer import Answer
from apps.metrics.views.explorer import FORMAT_NAMES, FORMATS
from apps.metrics.views.listing import Here
from apps.metrics.views.page import figures_page, refused
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.wording import counted

production_page = figures_page(
    "metrics/production.html", "metrics/production_part.html", may_follow=True
)(production.production)


def _menus(request: TeamRequest, filters: Filters) -> dict[str, Any]:
    """What the menus offer, also while the list is still being prepared."""
    params = {name: request.GET.get(name) for name in ("show", "application")}
    return {
        "downloads": [
            (label, filters.address(request.path, **params, format=form))
            for form, label in FORMAT_NAMES
        ]
    }


@figures_page("metrics/deployments.html", "metrics/deployments_part.html", around=_menus)
def deployments(request: TeamRequest, filters: Filters) -> Answer | HttpResponseBase:
    """The list, or with `format=csv`, `excel` or `jsonl` all of it as a file."""
    applications = production_queries.applications(request.team, filters)
    try:
        chosen = lists.choice(request.GET, applications)
        found = lists.matching(request.team, filters, chosen)
        here = _Here(request.path, filters, chosen)
        if form := request.GET.get("format"):
            return _file(request, found, here, form)
    except BadAddressError as error:
        return refused(request, [str(error)])
    page = lists.page(found, chosen)
    count = found.count()
    brought = lists.brought_by([row.pk for row in page.rows])
    context = {
        "chosen": chosen,
        "page": page,
        "rows": [(row, sentences.badge(row), brought[row.pk]) for row in page.rows],
        "described": _described(count, chosen),
        "shown_as": here.kinds(),
        "applications": applications,
        "links": here.page(page),
        "position": places.position(page.begin, len(page.rows), count),
        "everything": here.filters.address(here.path),
    }
    return Answer(
        context,
        lambda: {
            "count": count,
            "deployments": rows_of(page),
            "next": here.page(page)["next"],
            "previous": here.page(page)["previous"],
        },
    )


def rows_of(page: lists.Page) -> list[export.Row]:
    """A page's export rows."""
    keys = [row.pk for row in page.rows]
    found = lists.in_order(keys)
    return list(export.deployment_rows(found))


def _described(count: int, chosen: lists.Choice) -> str:
    kind = lists.SHOWN[chosen.show]
    place = f" of {_name(chosen.application)}" if chosen.application else ""
    return f"{counted(count, kind.one, kind.many)}{place}, the newest first"


def _name(application: Application) -> str:
    return f"{application.repository.full_name} · {application.environment}"


class _Here(Here[lists.Choice]):
    """The URLs of a list of deployments."""

    def kinds(self) -> list[tuple[str, str, str]]:
        """The list of each kind of deployment that has a tab."""
        return [
            (name, kind.tab, self.but(show=name)) for name, kind in lists.SHOWN.items() if kind.tab
        ]


def _file(request: TeamRequest, found: Any, here: _Here, form: str) -> HttpResponseBase:
    if form not in FORMATS:
        raise BadAddressError("Choose csv, excel or jsonl as the format.")
    content_type, ending = FORMATS[form]
    period = here.filters.period
    name = f"{request.team.slug}-deployments-{period.first}-to-{period.last}.{ending}"
    record(
        "export.made",
        team_id=request.team.pk,
        request=request,
        object_name=name,
        filters=urlsplit(here.but()).query,
    )
    rows = export.deployment_rows(found)
    lines = export.file_lines(form, export.DEPLOYMENT_NAMES, rows)
    response = StreamingHttpResponse(lines, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@team_view()
def deployment(request: TeamRequest, deployment: int) -> HttpResponse:
    """One deployment."""
    found = pages.found(request.team, min(deployment, lists.LARGEST))
    if found is None:
        raise Http404("The team has no such deployment.")
    if wants_json(request):
        [row] = export.deployment_rows(lists.in_order([found.pk]))
        return JsonResponse(pages.data(found, row))
    return render(request, "metrics/deployment.html", pages.context(found))
