"""Every pull request: filtered, searched, sorted, page by page, and to take away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.audit.record import record
from apps.metrics import explorer, export
from apps.metrics.filters import Filters
from apps.metrics.models import PullRequest
from apps.metrics.page import Answer, figures_page, refused
from apps.teams.access import TeamRequest, wants_json

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
FIRST = (("title", "Pull request", ""), ("author", "Author", ""))
DURATIONS = (
    ("cycle_time", "Cycle time", "figure"),
    ("pickup_time", "Pickup", "figure"),
    ("review_time", "Review", "figure"),
)
LAST = (
    ("lines", "Lines", "figure"),
    ("reviewers", "Reviewers", "figure"),
    ("review_rounds", "Rounds", "figure"),
)
DATES = {"merged": "merged_at", "closed": "closed_at"}
DATE_NAMES = {"merged_at": "Merged", "closed_at": "Closed", "opened_at": "Opened"}


@figures_page("metrics/explorer.html", "metrics/explorer_part.html")
def pull_requests(request: TeamRequest, filters: Filters) -> Answer | HttpResponseBase:
    """The list, or with `format=csv` or `jsonl` all of it as a file."""
    try:
        chosen = explorer.choice(request.GET)
        found = explorer.matching(request.team, filters, chosen)
        if form := request.GET.get("format"):
            return _file(request, explorer.ordered(found, chosen), form)
        page = explorer.page(found, chosen)
    except explorer.BadAddressError as error:
        return refused(request, [str(error)])
    count = found.count()
    data = {
        "count": count,
        "pull_requests": _rows(request, page),
        "next": filters.address(request.path, **chosen.params, after=page.after)
        if page.after
        else None,
    }
    files = {form: filters.address(request.path, **chosen.params, format=form) for form in FORMATS}
    return Answer(_context(filters, chosen, page, count, request), data, files)


def _rows(request: TeamRequest, page: explorer.Page) -> list[export.Row]:
    if not wants_json(request):
        return []
    keys = [row.pk for row in page.rows]
    found = PullRequest.objects.for_team(request.team).filter(pk__in=keys)
    rows = {row["github_id"]: row for row in export.pull_request_rows(found)}
    return [rows[row.github_id] for row in page.rows]


def _context(
    filters: Filters,
    chosen: explorer.Choice,
    page: explorer.Page,
    count: int,
    request: TeamRequest,
) -> dict[str, Any]:
    date = DATES.get(chosen.state, "opened_at")
    here = request.path
    states = [
        (name, label, filters.address(here, **_without_state(chosen), state=name))
        for name, label in explorer.STATES
    ]
    return {
        "chosen": chosen,
        "page": page,
        "count": count,
        "states": states,
        "columns": [_column(filters, chosen, here, *c) for c in _columns(chosen, date)],
        "date": date,
        "has_durations": chosen.state in ("merged", "opened"),
        "now": timezone.now(),
        "first_page": filters.address(here, **chosen.params),
        "next_page": filters.address(here, **chosen.params, after=page.after),
    }


def _without_state(chosen: explorer.Choice) -> dict[str, str]:
    gone = ("state", "sort", "waiting")
    return {name: value for name, value in chosen.params.items() if name not in gone}


def _columns(chosen: explorer.Choice, date: str) -> list[tuple[str, str, str]]:
    """Only merged ones have durations; open ones wait."""
    has_durations = chosen.state in ("merged", "opened")
    waits = (("waiting_for", "Waits for", ""),) if chosen.state == "open" else ()
    durations = DURATIONS if has_durations else ()
    return [*FIRST, (date, DATE_NAMES[date], ""), *waits, *durations, *LAST]


def _column(
    filters: Filters, chosen: explorer.Choice, here: str, name: str, label: str, style: str
) -> dict[str, Any]:
    is_current = chosen.column == name
    # Texts begin with A, figures with the greatest.
    descends = not chosen.is_descending if is_current else name not in ("title", "author")
    sort = f"-{name}" if descends else name
    direction = "descending" if chosen.is_descending else "ascending"
    return {
        "name": name,
        "label": label,
        "style": style,
        "link": filters.address(here, **{**chosen.params, "sort": sort}),
        "direction": direction if is_current else "",
    }


def _file(request: TeamRequest, found: Any, form: str) -> HttpResponseBase:
    if form not in FORMATS:
        raise explorer.BadAddressError("Choose csv or jsonl as the format.")
    record("export.made", team_id=request.team.pk, request=request, object_name=form)
    rows = export.pull_request_rows(found)
    lines: Iterator[str] = (
        export.csv_lines(export.PULL_REQUEST_FIELDS, rows)
        if form == "csv"
        else export.json_lines(rows)
    )
    response = StreamingHttpResponse(lines, content_type=FORMATS[form])
    name = f"{request.team.slug}-pull-requests.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
