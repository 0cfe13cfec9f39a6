"""Requesting a sync, and watching it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from apps.audit.record import record
from apps.integrations.connection import connecting
from apps.integrations.models import SyncRun, SyncStatus, TrackedRepository
from apps.integrations.sync import progress, schedule, sentences
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json

LAST_RUNS = 8
MOST_ROWS = 200


@require_POST
@team_view("admin")
def start(request: TeamRequest) -> HttpResponse:
    """Begins a sync of everything tracked, or of the one `repository` with that id."""
    tracked = TrackedRepository.objects.for_team(request.team).filter(
        is_active=True, integration__disconnected_at=None
    )
    try:
        wanted = answers.sent(request, "repository").get("repository")
    except answers.BadBodyError as error:
        return answers.refused(str(error), "bad_body")
    if wanted not in (None, ""):
        tracked = tracked.filter(github_repo_id=_known_id(tracked, str(wanted)))
    if not tracked.exists():
        return _nothing(request)
    said = sentences.of_start(is_complete=not tracked.exclude(status=SyncStatus.COMPLETE).exists())
    run = schedule.begin(request.team, tracked, SyncRun.Reason.MANUAL)
    record("github.sync.begun", team_id=request.team.pk, request=request, run=run.pk)
    if wants_json(request):
        return JsonResponse({"run": run.pk}, status=202)
    return answers.back(request, "sync_status", said=said)


@require_GET
@team_view()
def status(request: TeamRequest) -> HttpResponse:
    """How far it has come."""
    now = progress.of_team(request.team)
    if wants_json(request):
        return JsonResponse(now.as_json())
    shown = sorted(now.repositories, key=_urgency)[:MOST_ROWS]
    runs = SyncRun.objects.for_team(request.team)[:LAST_RUNS]
    context = {
        "progress": now,
        "headline": sentences.headline(now),
        "so_far": sentences.so_far(now),
        "shown": [(row, sentences.of_repository(row)) for row in shown],
        "hidden": max(0, len(now.repositories) - MOST_ROWS),
        "runs": [(run, sentences.of_run(run)) for run in runs],
        "is_connected": connecting.connected(request.team).exists(),
        "is_admin": request.membership.is_admin,
    }
    return answers.page(request, "sync_status", context, fragment="_sync_status")


def _known_id(tracked: QuerySet[TrackedRepository], wanted: str) -> int:
    ids = {str(number): number for number in tracked.values_list("github_repo_id", flat=True)}
    if wanted not in ids:
        raise Http404("The team tracks no such repository.")
    return ids[wanted]


def _nothing(request: TeamRequest) -> HttpResponse:
    said = "No repository is tracked yet. Choose some first."
    if wants_json(request):
        return answers.refused(said, "nothing_tracked", 409)
    return answers.back(request, "repositories", said=said)


def _urgency(row: progress.RepositoryProgress) -> tuple[int, str]:
    order = ["error", "syncing", "waiting", "pending", "complete"]
    return order.index(row.status), row.full_name
