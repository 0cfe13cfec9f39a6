"""Finds new deployments and releases without hooks: two points ask a hundred repositories."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.chunks import chunks
from apps.integrations.access.conversation import with_github
from apps.integrations.github import production
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.production_records import Newest
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    ProductionWalk,
    TrackedRepository,
)
from apps.integrations.storing import deliveries
from apps.integrations.sync.production import walk_of
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.metrics.models import Production, Source

EVERY = timedelta(minutes=10)
TURN = timedelta(seconds=20)
POINTS_AN_HOUR = 250
POINTS = 2
LOOKED_FOR = ("contents", "deployments")
"""Permissions whose lack a look notices; the walk of runs notices that of Actions."""


def _wanted(now: datetime) -> QuerySet[GitHubIntegration]:
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        Q(production_due_at__isnull=True) | Q(production_due_at__lte=now),
        Exists(TrackedRepository.objects.filter(integration=OuterRef("pk"), is_active=True)),
        disconnected_at__isnull=True,
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return rows.select_related("credential", "team").order_by("production_due_at")


def interval(integration: GitHubIntegration) -> timedelta:
    """Ten minutes, or longer if looks would take more than `POINTS_AN_HOUR`."""
    count = integration.tracked_repositories.filter(is_active=True).count()
    return max(EVERY, timedelta(hours=POINTS * count / production.AT_ONCE / POINTS_AN_HOUR))


def look(integration: GitHubIntegration, now: datetime) -> None:
    """Has repositories walked whose newest deployment or release has changed, for one turn.

    Their order is random: where a turn is too short for all, or GitHub fails at some, each has its
    turn all the same. The next look comes the sooner the fewer were asked about.
    """
    rows = integration.tracked_repositories.filter(is_active=True).exclude(repository__node_id="")
    tracked = list(rows.select_related("repository", "production").order_by("?"))
    asked = 0
    with with_github(integration.credential) as github:
        for some in chunks(tracked, production.AT_ONCE):
            _store_newest(some, production.newest(github, [row.repository.node_id for row in some]))
            asked += len(some)
            if datetime.now(UTC) >= now + TURN:
                break
    share = asked / len(tracked) if tracked else 1
    GitHubIntegration.objects.filter(
        pk=integration.pk, production_due_at=integration.production_due_at
    ).update(production_due_at=now + interval(integration) * share)


def look_at(tracked: TrackedRepository) -> None:
    """The same for one repository, for a user who waits."""
    with with_github(tracked.integration.credential) as github:
        _store_newest([tracked], production.newest(github, [tracked.repository.node_id]))


def _store_error(integration: GitHubIntegration, error: GitHubError, verdict: Verdict) -> None:
    due_at = max(filter(None, (verdict.again_at, datetime.now(UTC) + interval(integration))))
    GitHubIntegration.objects.filter(
        pk=integration.pk, production_due_at=integration.production_due_at
    ).update(production_due_at=due_at)


LOOK = Chore("look at production", _wanted, look, credential="credential", store_error=_store_error)


def _store_newest(some: Sequence[TrackedRepository], found: Sequence[Newest | None]) -> None:
    for tracked, newest in zip(some, found, strict=True):
        if newest is None:
            continue
        stored = deliveries.production(tracked.repository)
        granted_now = _note_permissions(stored, newest)
        changes = _news(walk_of(tracked), newest)
        if granted_now or "deployment_found" in changes or "release_found" in changes:
            changes["due_at"] = datetime.now(UTC)
        if changes:
            ProductionWalk.objects.filter(tracked=tracked).update(**changes)


def _news(walk: ProductionWalk, newest: Newest) -> dict[str, object]:
    """What has changed; if a repository has none at all, nothing has to be read."""
    changes: dict[str, object] = {}
    if newest.deployment and newest.deployment != walk.deployment_found:
        changes["deployment_found"] = newest.deployment
    elif newest.deployment == "" and not walk.deployments_read:
        changes["deployments_read"] = True
    if newest.release and newest.release != walk.release_found:
        changes["release_found"] = newest.release
    elif newest.release == "" and not walk.releases_read:
        changes["releases_read"] = True
    return changes


def _note_permissions(stored: Production, newest: Newest) -> bool:
    """Stores missing permissions; returns whether any was granted since."""
    before = set(stored.not_granted)
    after = (before - set(LOOKED_FOR)) | set(newest.not_granted)
    if before != after:
        Production.objects.filter(pk=stored.pk).update(not_granted=sorted(after))
    return bool(before - after)


def deployments_changed(tracked: TrackedRepository) -> None:
    """Has the newest deployments fetched again: one that succeeds makes earlier ones inactive."""
    rows = ProductionWalk.objects.filter(tracked=tracked)
    rows.update(due_at=datetime.now(UTC), deployment_found=f"?{uuid.uuid4().hex}")


def release_changed(tracked: QuerySet[TrackedRepository]) -> None:
    """Has the releases fetched again, since a webhook reported one."""
    rows = ProductionWalk.objects.filter(tracked__in=tracked)
    # A unique value: a walk in progress does not take it for what it has read.
    rows.update(due_at=datetime.now(UTC), release_found=f"?{uuid.uuid4().hex}")


def ask_what_was_refused(integrations: QuerySet[GitHubIntegration]) -> None:
    """Requests everything again that GitHub did not grant."""
    tracked = TrackedRepository.objects.filter(integration__in=integrations, is_active=True)
    refused = Production.objects.filter(repository__tracking__in=tracked).exclude(not_granted=[])
    repositories = list(refused.values_list("repository", flat=True))
    refused.update(not_granted=[])
    rows = ProductionWalk.objects.filter(tracked__repository__in=repositories)
    rows.update(due_at=datetime.now(UTC), runs_due_at=None)


def run_ended(tracked: QuerySet[TrackedRepository]) -> None:
    """Has a workflow's runs fetched, if they are the source."""
    rows = ProductionWalk.objects.filter(
        tracked__in=tracked, tracked__repository__production__source=Source.WORKFLOW
    )
    now = datetime.now(UTC)
    rows.update(due_at=now, runs_due_at=now)
