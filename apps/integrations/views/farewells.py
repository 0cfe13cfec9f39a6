"""What disconnecting does, did, and has left to do on GitHub, as sentences and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.audit.record import record
from apps.integrations.connection import farewell, sentences
from apps.integrations.connection.disconnecting import Outcome, Plan
from apps.integrations.models import Farewell
from apps.integrations.views import answers
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Team


@require_POST
@team_view("admin")
def left_on_github(request: TeamRequest, farewell_id: int) -> HttpResponse:
    """Retries now; with `_method=delete` the token is deleted, or the rest was done by hand."""
    row = farewell.of_team(request.team).filter(pk=farewell_id).first()
    if row is None:
        raise Http404("This is no longer left to do.")
    if answers.effective_method(request) == "DELETE":
        said = _end(request, row)
    elif row.has_given_up:
        said = "Its token is gone: what is left can only be done by hand."
    elif farewell.go_on(row, timezone.now()):
        said = "Everything is done on GitHub."
    else:
        said = "Not everything is done yet; it continues automatically."
    if wants_json(request):
        return JsonResponse({"message": said})
    return answers.back(request, "integrations", said=said)


def _end(request: TeamRequest, row: Farewell) -> str:
    if not row.has_given_up:
        farewell.give_up(row, "A member stopped it.")
        return "The token is deleted here. What is left on GitHub is listed below."
    record(
        "github.farewell.dismissed",
        team_id=request.team.pk,
        request=request,
        object_name=row.account_login,
    )
    row.delete()
    return "Noted: nothing is left to do on GitHub."


def left_to_do(team: Team) -> list[tuple[Farewell, str, list[str]]]:
    """What is left to do on GitHub: each with when it is retried, and its steps."""
    return [
        (row, sentences.when_tried(row), list(sentences.left_to_do(row, settings.GITHUB_URL)))
        for row in farewell.of_team(team)
    ]


def words(outcome: Outcome, *, delete_data: bool) -> Iterator[str]:
    """What happened, a sentence each."""
    plan, left = outcome.plan, outcome.left
    yield _what_of_the_token(outcome)
    if plan.revoked and not any(one.is_to_revoke for one in left):
        yield "The token is revoked at GitHub."
    if plan.hooks and not any(one.hooks for one in left):
        yield "The webhooks are deleted there."
    if left:
        yield "What is left to do on GitHub follows automatically, and is listed below until then."
    if plan.pasted:
        yield "A personal access token can only be deleted by its owner, on GitHub."
    if delete_data:
        yield "What was fetched is being deleted."
    else:
        yield "What was fetched so far is kept."


def _what_of_the_token(outcome: Outcome) -> str:
    if not outcome.plan.wiped:
        return "GitHub is disconnected; another connection still uses the token."
    left = Farewell.objects.filter(pk__in=[one.pk for one in outcome.left])
    if left.exclude(access_token="").exists():
        return "GitHub is disconnected. Its token is kept only until the rest is done there."
    return "GitHub is disconnected, and its token deleted here."


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """For programs."""
    return {
        "organizations": [one.organization_slug for one in plan.ending],
        "hooks_deleted": list(plan.hooks),
        "hooks_kept_for_other_teams": list(plan.shared_hooks),
        "tokens_revoked_of": [one.account_login for one in plan.revoked],
        "tokens_to_delete_by_their_owners": [one.account_login for one in plan.pasted],
        "tokens_still_in_use_of": [one.account_login for one in plan.kept],
        "pull_requests": plan.pull_requests,
    }
