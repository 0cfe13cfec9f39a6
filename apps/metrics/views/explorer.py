"""Every pull request: filtered, searched, sorted, page by page, and as a download."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from apps.audit.record import record
from apps.metrics.figures import behind
from apps.metrics.figures.rows import Rows
from apps.metrics.filters import search
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.lists import explorer, export, keyset, places, sentences
from apps.metrics.lists.columns import COLUMNS
from apps.metrics.pages.answer import Answer
from apps.metrics.templatetags.figures import page_of
from apps.metrics.views.listing import Here
from apps.metrics.views.page import figures_page, refused
from apps.teams.access import TeamRequest, wants_json

CSV, JSON_LINES = "text/csv; charset=utf-8", "application/jsonl"
# Each format's content type and file extension.
FORMATS = {"csv": (CSV, "csv"), "excel": (CSV, "csv"), "jsonl": (JSON_LINES, "jsonl")}
FORMAT_NAMES = (("csv", "CSV"), ("excel", "CSV for Excel"), ("jsonl", "JSON Lines"))


def _menus(request: TeamRequest, filters: Filters) -> dict[str, Any]:
    """What the menus offer, also while the list is still being prepared."""
    try:
        chosen = explorer.choice(request.GET, viewer_of(request))
    except explorer.BadAddressError:
        return {}  # The list says what is wrong.
    return {"downloads": _Here(request.path, filters, chosen).downloads()}


@figures_page("metrics/explorer.html", "metrics/explorer_part.html", is_list=True, around=_menus)
def pull_requests(request: TeamRequest, filters: Filters) -> Answer | HttpResponseBase:
    """The list, or with `format=csv`, `excel` or `jsonl` all of it as a file.

    A search for a pull request's address leads to its page, whatever the filters.
    """
    try:
        chosen = explorer.choice(request.GET, viewer_of(request))
        if there := _addressed(request, chosen):
            return redirect(there)
        found = explorer.matching(request.team, filters, chosen, timezone.now())
        if form := request.GET.get("format"):
            return _file(request, found, _Here(request.path, filters, chosen), form)
    except explorer.BadAddressError as error:
        return refused(request, [str(error)])
    page = explorer.page(found, chosen)
    here = _Here(request.path, filters, chosen)
    elsewhere = explorer.found_elsewhere(request.team, filters, chosen)
    asked = behind.Asked(request.team, filters, timezone.now())
    return Answer(
        {
            **_context(request, here, page, len(found), elsewhere),
            "described": sentences.described(len(found), chosen, asked),
            "waits": explorer.waits(request.team, page, chosen),
        },
        lambda: {
            "count": len(found),
            "pull_requests": explorer.data([row.pk for row in page.rows], chosen.fields),
            "next": here.page(page)["next"],
            "previous": here.page(page)["previous"],
        },
    )


def _addressed(request: TeamRequest, chosen: explorer.Choice) -> str | None:
    if wants_json(request) or "format" in request.GET:
        return None
    found = search.addressed(request.team, chosen.text)
    return page_of({"team": request.team}, found) if found else None


class _Here(Here[explorer.Choice]):
    """The URLs of a list of pull requests."""

    @property
    def name(self) -> str:
        """The name of its file: `merged-pull-requests-2026-01-01-to-2026-03-31`.

        A list of several states has no state in its name.
        """
        state, period = self.chosen.state, self.filters.period
        now = timezone.localdate(timezone=period.zone)
        dates = now if state == "open" else f"{period.first}-to-{period.last}"
        return f"{state}-pull-requests-{dates}".removeprefix("-")

    def states(self, elsewhere: explorer.Found | None) -> list[tuple[str, str, str, int | None]]:
        """The list of each state, in the same columns; with the default order and all waits.

        Includes how many match the search words.
        """
        gone = dict.fromkeys(("sort", "waiting", "figure"))
        return [
            (
                name,
                label,
                self.but(**gone, state=name if name != "merged" else None),
                elsewhere.by_state[name] if elsewhere else None,
            )
            for name, label in explorer.STATES
        ]

    def whenever(self) -> str:
        """The same search at any time, in any state."""
        gone = dict.fromkeys(("sort", "waiting", "figure", "since", "until"))
        return self.but(**gone, state="opened", range="all")

    def columns(self) -> list[dict[str, Any]]:
        """Each column with the URL that sorts by it, or reverses the order."""
        return [self._column(key) for key in self.chosen.columns]

    def _column(self, key: str) -> dict[str, Any]:
        column = COLUMNS[key]
        is_current = self.chosen.column == key
        descends = column.begins_with_greatest
        if is_current:
            descends = not self.chosen.is_descending
        direction = "descending" if self.chosen.is_descending else "ascending"
        return {
            "column": column,
            "link": self.but(sort=f"-{key}" if descends else key),
            "direction": direction if is_current else "",
        }

    def downloads(self) -> list[tuple[str, str, str]]:
        """Each format's name, and its URLs with the shown columns and with every field."""
        shown = ",".join(self.chosen.columns)
        return [
            (
                label,
                self.but(columns=shown, format=form),
                self.but(columns=None, format=form),
            )
            for form, label in FORMAT_NAMES
        ]


def _context(
    request: TeamRequest,
    here: _Here,
    page: keyset.Page,
    count: int,
    elsewhere: explorer.Found | None,
) -> dict[str, Any]:
    chosen = here.chosen
    return {
        "chosen": chosen,
        "page": page,
        "count": count,
        "states": here.states(elsewhere),
        "elsewhere": elsewhere,
        "whenever": here.whenever(),
        "columns": here.columns(),
        "all_columns": [column for key, column in COLUMNS.items() if key != "title"],
        "default_columns": here.but(columns=None),
        "links": here.page(page),
        "position": places.position(page.begin, len(page.rows), count),
        "everything": here.filters.address(here.path),
        "views_path": reverse("saved_views", args=[request.team.slug]),
    }


def _file(request: TeamRequest, found: Rows, here: _Here, form: str) -> HttpResponseBase:
    if form not in FORMATS:
        raise explorer.BadAddressError("Choose csv, excel or jsonl as the format.")
    content_type, ending = FORMATS[form]
    name = f"{request.team.slug}-{here.name}.{ending}"
    record(
        "export.made",
        team_id=request.team.pk,
        request=request,
        object_name=name,
        filters=urlsplit(here.but()).query,
    )
    chosen = here.chosen
    rows = explorer.rows(found, chosen)
    lines = export.file_lines(form, chosen.fields, rows)
    response = StreamingHttpResponse(lines, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
