"""Webhook deliveries: health, speed and failures."""

from __future__ import annotations

from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from apps.audit.record import record
from apps.integrations.connection import connecting
from apps.integrations.hooks import (
    caretaking,
    deliveries,
    organization_hooks,
    registration,
    repository_hooks,
    sentences,
)
from apps.integrations.models import IntegrationCredential, TrackedRepository
from apps.integrations.nudge import nudge
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json

SHOWN = 50
MOST_REPOSITORIES = 200


@require_GET
@team_view()
def webhooks(request: TeamRequest) -> HttpResponse:
    """The hooks of the team's repositories, and their deliveries."""
    rows = list(deliveries.with_names(request.team).order_by("-received_at")[:SHOWN])
    counts = deliveries.by_state(request.team)
    latency = deliveries.latency(request.team)
    if wants_json(request):
        return JsonResponse({"deliveries": counts, "latency": vars(latency) if latency else None})
    connected = list(connecting.connected(request.team).select_related("hook"))
    repositories = list(deliveries.health(request.team)[: MOST_REPOSITORIES + 1])
    own = [row for row in repositories if not _has_app(row)]
    without = sum(
        1 for row in own if not row.hook_id and row.hook_error != repository_hooks.ARCHIVED
    )
    unsent = sum(1 for row in own if row.hook and not row.hook.is_secret_sent)
    missed = deliveries.missed(request.team).count()
    hooked = [row for row in connected if organization_hooks.is_possible(row)]
    shown = repositories[:MOST_REPOSITORIES]
    context = {
        "rows": [(row, sentences.of_delivery(row)) for row in rows],
        "delivered": sentences.deliveries(counts, len(rows), missed),
        "latency": latency,
        "repositories": [(row, sentences.of_repository(row)) for row in shown],
        "are_more": len(repositories) > MOST_REPOSITORIES,
        "coverage": sentences.coverage(len(shown), without, unsent),
        "is_reachable": registration.is_reachable(),
        "organizations": [(row, sentences.of_organization(row)) for row in hooked],
        "is_connected": bool(connected),
        "is_admin": request.membership.is_admin,
    }
    return answers.page(request, "webhooks", context, fragment="_webhooks")


def _has_app(row: TrackedRepository) -> bool:
    """Whether the GitHub App's hook covers a repository."""
    return row.integration.credential.kind == IntegrationCredential.Kind.APP


@require_POST
@team_view("admin")
def retry(request: TeamRequest, delivery_id: int) -> HttpResponse:
    """Handles a failed delivery again."""
    if not deliveries.retry(request.team, delivery_id, timezone.now()):
        raise Http404
    record("github.delivery.retried", team_id=request.team.pk, request=request)
    nudge()
    if wants_json(request):
        return JsonResponse({"delivery": delivery_id}, status=202)
    return answers.back(request, "webhooks", said="The delivery is handled again.")


@require_POST
@team_view("admin")
def new_secrets(request: TeamRequest) -> HttpResponse:
    """Gives every hook of the team a new secret, without losing a delivery."""
    count = caretaking.rotate_secrets(request.team)
    record("github.hooks.rotated", team_id=request.team.pk, request=request, count=count)
    nudge()
    if wants_json(request):
        return JsonResponse({"hooks": count}, status=202)
    return answers.back(request, "webhooks", said=f"GitHub is told {count} new secrets now.")
