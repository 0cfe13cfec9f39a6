"""Once a day, compares some pull requests of each team with GitHub."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.checks import accuracy, outcomes
from apps.integrations.github.errors import GitHubError
from apps.integrations.models import SpotCheck, TrackedRepository
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Kind, Verdict
from apps.metrics.models import PullRequest

NAME = "spot check"
SAMPLE = 25  # also the maximum in points, since a query costs one
SHOWN = 50


def _unchecked(now: datetime) -> QuerySet[TrackedRepository]:
    """One tracked repository of each team whose check of today has not finished."""
    done = SpotCheck.objects.filter(team=OuterRef("team"), day=now.date())
    stored = PullRequest.objects.filter(repository=OuterRef("repository"))
    earlier = TrackedRepository.objects.filter(
        team=OuterRef("team"), pk__lt=OuterRef("pk"), is_active=True
    )
    rows: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        Q(~Exists(done)) | Q(leases.has_failed(NAME)),
        ~Exists(earlier.filter(Exists(stored))),
        Exists(stored),
        is_active=True,
    )
    return rows.exclude(integration__credential__kind="environment").select_related(
        "team", "integration__credential"
    )


def _check(tracked: TrackedRepository, now: datetime) -> None:
    outcome = outcomes.Outcome()
    # Syncs take precedence.
    accuracy.check(SAMPLE, team=tracked.team, outcome=outcome, is_live=False)
    _keep(tracked, now, outcome, outcome.problem)
    record(
        "accuracy.checked",
        team_id=tracked.team_id,
        pull_requests=outcome.pull_requests,
        fields=outcome.fields,
        different=len(outcome.differences),
    )


def _store_error(tracked: TrackedRepository, error: GitHubError, verdict: Verdict) -> None:
    if verdict.kind is not Kind.WAIT:
        _keep(tracked, timezone.now(), outcomes.Outcome(), str(error))


SPOT_CHECK = Chore(
    NAME, _unchecked, _check, credential="integration__credential", store_error=_store_error
)


def _keep(
    tracked: TrackedRepository, now: datetime, outcome: outcomes.Outcome, problem: str
) -> None:
    SpotCheck.objects.update_or_create(
        team=tracked.team,
        day=now.date(),
        defaults={
            "error": problem,
            "pull_requests": outcome.pull_requests,
            "fields": outcome.fields,
            "gone": outcome.gone,
            "different": len(outcome.differences),
            "differences": [_as_json(one) for one in outcome.differences[:SHOWN]],
        },
    )


def _as_json(difference: outcomes.Difference) -> dict[str, Any]:
    return {
        "pull_request": difference.pull_request,
        "field": difference.field,
        "here": str(difference.here),
        "on_github": str(difference.on_github),
        "is_late": difference.is_late,
    }
