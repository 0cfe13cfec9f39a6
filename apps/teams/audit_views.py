"""The team's audit log."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps import reading
from apps.audit import history
from apps.audit.models import AuditEvent
from apps.audit.record import record
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Membership, Team

# Content type, line format and file extension for each format.
CSV = "text/csv; charset=utf-8"
FORMATS = {
    "csv": (CSV, history.csv_lines, "csv"),
    "excel": (CSV, history.excel_lines, "csv"),
    "jsonl": ("application/jsonl", history.json_lines, "jsonl"),
}


@team_view("admin")
@require_safe
def audit_log(request: TeamRequest) -> HttpResponseBase:
    """Who did what, when and from where; as a file where `format` is `csv`, `excel` or `jsonl`."""
    form = history.HistoryForm(request.GET)
    if not form.is_valid():
        return _answer(request, form, [], None, status=400)
    rows = form.matching(_of_team(request.team))
    if kind := request.GET.get("format"):
        return _file(request, form, rows, kind)
    found, before = history.page(rows, request.GET.get("before", ""))
    return _answer(request, form, found, before, count=rows.count())


def _of_team(team: Team) -> QuerySet[AuditEvent]:
    """The team's entries, and its members' sign-ins since they joined."""
    then = Membership.objects.filter(
        team=team, user=OuterRef("actor"), created_at__lte=OuterRef("at")
    )
    signing_in = Q(team=None, action__startswith="account.") & Exists(then)
    return AuditEvent.objects.filter(Q(team=team) | signing_in).order_by("-pk")


def _answer(
    request: TeamRequest,
    form: history.HistoryForm,
    rows: list[AuditEvent],
    before: int | None,
    *,
    count: int = 0,
    status: int = 200,
) -> HttpResponse:
    if wants_json(request):
        if not form.is_valid():
            return JsonResponse({"errors": form.errors}, status=status)
        return JsonResponse({"events": [history.as_row(row) for row in rows], "next": before})
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "form": form,
        "rows": rows,
        "before": before,
        "count": count,
        "query": query.urlencode(),
        "is_filtered": any(form.data.get(name) for name in form.fields),
    }
    return render(request, "teams/audit_log.html", context, status=status)


def _file(
    request: TeamRequest, form: history.HistoryForm, rows: QuerySet[AuditEvent], kind: str
) -> HttpResponseBase:
    if kind not in FORMATS:
        return _answer(request, form, [], None, status=400)
    content_type, lines, ending = FORMATS[kind]
    name = f"{request.team.slug}-audit.{ending}"
    record("audit.exported", team_id=request.team.pk, request=request, object_name=kind)
    return StreamingHttpResponse(
        lines(reading.instances(rows)),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
