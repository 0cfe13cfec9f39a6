"""Finds what changed without hooks: one point asks a hundred repositories for their newest change.

A sweep re-reads open and lately merged pull requests, for what does not move GitHub's `updatedAt`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from apps.integrations.access.conversation import with_github
from apps.integrations.github import lists, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    WaitError,
)
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem, problems_by_item
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    StalePullRequest,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.storing import ingest
from apps.integrations.sync import schedule
from apps.integrations.work import budget
from apps.metrics.models import PullRequest
from apps.teams.changes import hold

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
POINTS_AN_HOUR = 250
AT_ONCE = 100
PATIENCE = 2  # failures of a poll; each may be a time-out of half a minute
TRY_FAILED_AFTER = timedelta(hours=6)
SWEEP_EVERY = timedelta(days=1)
SWEEP_MERGED = timedelta(days=14)


def poll_due(now: datetime) -> None:
    """Polls the organisations whose time has come; each is taken by one worker only."""
    rows = GitHubIntegration.objects.filter(
        Q(poll_due_at__isnull=True) | Q(poll_due_at__lte=now),
        credential__rejected_at__isnull=True,
        disconnected_at__isnull=True,
        tracked_repositories__is_active=True,
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    for integration in rows.distinct().select_related("credential", "team"):
        if _take(integration, "poll_due_at", now + interval(integration)):
            poll(integration, now)


def interval(integration: GitHubIntegration) -> timedelta:
    """Five minutes, or as long as it takes not to spend more than `POINTS_AN_HOUR` on polling."""
    count = integration.tracked_repositories.filter(is_active=True).count()
    return max(EVERY, timedelta(hours=count / AT_ONCE / POINTS_AN_HOUR))


def poll(integration: GitHubIntegration, now: datetime) -> SyncRun | None:
    """Asks for the newest change of each repository, and begins a run for those that moved."""
    if budget.wait_for(integration.credential, now, live=True):
        return None
    rows = integration.tracked_repositories.filter(is_active=True).order_by("pk")
    moved: list[TrackedRepository] = []
    failures = 0
    with with_github(integration.credential) as github:
        for some in lists.in_parts(list(rows.select_related("repository")), AT_ONCE):
            try:
                moved += _moved(github, some)
            except GitHubError as error:
                _note(integration, error, now)
                failures += 1
                if isinstance(error, WaitError) or not error.retryable or failures == PATIENCE:
                    break  # The others would hear the same; they are asked about next time.
    return schedule.begin(integration.team, moved, SyncRun.Reason.SCHEDULE) if moved else None


def sweep_due(now: datetime) -> None:
    """Marks what is open or was merged lately to be fetched anew, once a day."""
    rows = GitHubIntegration.objects.filter(
        Q(sweep_due_at__isnull=True) | Q(sweep_due_at__lte=now),
        credential__rejected_at__isnull=True,
        disconnected_at__isnull=True,
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    for integration in rows:
        is_first = integration.sweep_due_at is None
        if _take(integration, "sweep_due_at", now + SWEEP_EVERY) and not is_first:
            for tracked in integration.tracked_repositories.filter(is_active=True):
                sweep(tracked, now)


def sweep(tracked: TrackedRepository, now: datetime) -> int:
    """Marks a repository's open and lately merged pull requests as stale; how many."""
    wanted = PullRequest.objects.filter(
        Q(state=PullRequest.State.OPEN) | Q(merged_at__gte=now - SWEEP_MERGED),
        repository=tracked.repository,
    )
    return mark_stale(tracked, wanted.values_list("number", "node_id"), now)


def mark_stale(tracked: TrackedRepository, wanted: Iterable[tuple[int, str]], now: datetime) -> int:
    """Marks pull requests, as (number, node id), to be fetched anew; a mark is renewed."""
    rows = [
        StalePullRequest(
            team_id=tracked.team_id,
            tracked=tracked,
            number=number,
            node_id=node_id,
            marked_at=now,
            due_at=now,
        )
        for number, node_id in sorted(dict(wanted).items())
    ]
    StalePullRequest.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["tracked", "number"],
        update_fields=["marked_at", "due_at", "node_id"],
    )
    return len(rows)


def _take(integration: GitHubIntegration, field: str, until: datetime) -> bool:
    """Moves a due time on, if nobody else has."""
    rows = GitHubIntegration.objects.filter(
        pk=integration.pk, **{field: getattr(integration, field)}
    )
    return bool(rows.update(**{field: until}))


def _moved(github: GitHub, some: Sequence[TrackedRepository]) -> list[TrackedRepository]:
    reply = github.graphql("newest_changes", {"ids": [row.repository.node_id for row in some]})
    problems = problems_by_item(reply.problems, "nodes")
    found = decode(reply.data, records.NodesReply[records.RepositoryWithNewest]).nodes
    moved: list[TrackedRepository] = []
    quiet: list[TrackedRepository] = []
    for index, (tracked, record) in enumerate(zip(some, found, strict=True)):
        if record is None:
            _gone(tracked, problems.get(index, ()))
        else:
            (moved if _has_news(tracked, record) else quiet).append(tracked)
    # What did not move was checked all the same.
    TrackedRepository.objects.filter(
        pk__in=[tracked.pk for tracked in quiet], status=SyncStatus.COMPLETE
    ).update(last_sync_at=datetime.now(UTC))
    return moved


def _has_news(tracked: TrackedRepository, record: records.RepositoryWithNewest) -> bool:
    _keep_name(tracked, record)
    _keep_account(tracked.integration, record.owner)
    if tracked.status == SyncStatus.ERROR and _is_long_ago(tracked.served_at):
        return True
    newest = max((change.updated_at for change in record.pull_requests.items), default=None)
    if newest is None:
        return False
    return tracked.watermark is None or newest > tracked.watermark


def _is_long_ago(served_at: datetime | None) -> bool:
    return served_at is None or served_at < datetime.now(UTC) - TRY_FAILED_AFTER


def _keep_name(tracked: TrackedRepository, record: records.Repository) -> None:
    repository = tracked.repository
    changed = (
        repository.full_name != record.name_with_owner
        or repository.is_archived != record.is_archived
        or repository.is_private != record.is_private
    )
    if changed:
        with transaction.atomic():
            # In the order in which a worker locks them.
            hold(tracked.team_id)
            TrackedRepository.objects.filter(pk=tracked.pk).update(full_name=record.name_with_owner)
            ingest.repository(tracked.team, record)


def _keep_account(integration: GitHubIntegration, owner: records.Actor | None) -> None:
    """Follows a new name of the account itself, and reads its people and repositories by that.

    A repository that was transferred has another owner: only the same id counts.
    """
    if not owner or not owner.login or owner.database_id != integration.organization_id:
        return
    if owner.login != integration.organization_slug:
        former = GitHubIntegration.objects.filter(
            pk=integration.pk, organization_slug=integration.organization_slug
        )
        former.update(organization_slug=owner.login, members_due_at=datetime.now(UTC))
        integration.organization_slug = owner.login  # All of its repositories share the object.


def _gone(tracked: TrackedRepository, problems: Sequence[Problem]) -> None:
    error: GitHubError = NotFoundError(
        "GitHub no longer shows this repository.",
        advice="It was deleted, or the token lost access. What is stored stays.",
    )
    for problem in problems:
        if problem.kind == "FORBIDDEN":
            error = error_from_problem(problem)
        elif problem.kind != "NOT_FOUND":
            return  # GitHub could not tell just now.
    TrackedRepository.objects.filter(pk=tracked.pk).update(
        status=SyncStatus.ERROR, error=str(error), is_permanent_error=True, due_at=None
    )
    if tracked.run_id:
        schedule.conclude(tracked.run_id)


def _note(integration: GitHubIntegration, error: GitHubError, now: datetime) -> None:
    log.info("%s could not be polled: %s", integration, error)
    if isinstance(error, WaitError):
        budget.block(integration.credential, error, now)
    elif isinstance(error, CredentialsRejectedError):
        schedule.reject(integration.credential, error)
