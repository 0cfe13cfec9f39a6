"""Once a day, some pull requests of each team are fetched anew and compared with ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.audit.record import record
from apps.integrations.checks import accuracy
from apps.integrations.github.errors import GitHubError
from apps.integrations.models import SpotCheck, TrackedRepository
from apps.integrations.work import budget
from apps.metrics.models import PullRequest
from apps.teams.models import Team

SAMPLE = 25  # at most as many points, since a query costs one
SHOWN = 50


def run_due(now: datetime) -> bool:
    """Checks a team that was not checked today; False where none is due.

    The row of the day is made first: whoever makes it does the check, and nobody does it twice.
    """
    for tracked in _unchecked(now):
        if budget.wait_for(tracked.integration.credential, now):
            continue
        check, mine = SpotCheck.objects.get_or_create(team=tracked.team, day=now.date())
        if mine:
            _run(check, tracked.team)
            return True
    return False


def _unchecked(now: datetime) -> QuerySet[TrackedRepository]:
    """One tracked repository of each team that is due."""
    done = SpotCheck.objects.filter(team=OuterRef("team"), day=now.date())
    stored = PullRequest.objects.filter(repository=OuterRef("repository"))
    earlier = TrackedRepository.objects.filter(
        team=OuterRef("team"), pk__lt=OuterRef("pk"), is_active=True
    )
    rows = TrackedRepository.objects.filter(
        ~Exists(done),
        ~Exists(earlier.filter(Exists(stored))),
        Exists(stored),
        is_active=True,
        integration__credential__rejected_at=None,
    )
    return rows.exclude(integration__credential__kind="environment").select_related(
        "team", "integration__credential"
    )[:20]


def _run(check: SpotCheck, team: Team) -> None:
    outcome = accuracy.Outcome()
    try:
        accuracy.check(SAMPLE, team=team, outcome=outcome)
    except GitHubError as error:
        check.error = str(error)
    check.error = check.error or outcome.problem
    check.pull_requests, check.fields = outcome.pull_requests, outcome.fields
    check.gone, check.different = outcome.gone, len(outcome.differences)
    check.differences = [_as_json(one) for one in outcome.differences[:SHOWN]]
    check.save()
    record(
        "accuracy.checked",
        team_id=team.pk,
        pull_requests=check.pull_requests,
        fields=check.fields,
        different=check.different,
    )


def _as_json(difference: accuracy.Difference) -> dict[str, Any]:
    return {
        "pull_request": difference.pull_request,
        "field": difference.field,
        "here": str(difference.here),
        "on_github": str(difference.on_github),
        "is_late": difference.is_late,
    }
