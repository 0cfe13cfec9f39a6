"""Finds changes without hooks: one point asks a hundred repositories for their newest change.

A sweep fetches open and recently merged pull requests again, for changes that do not affect
GitHub's `updatedAt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from msgspec.structs import replace

from apps.chunks import chunks
from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    GitHubError,
    NotFoundError,
    WaitError,
)
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem, problems_by_item
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.storing import ingest
from apps.integrations.sync import schedule, stale
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.metrics.models import PullRequest
from apps.teams.changes import lock_team

EVERY = timedelta(minutes=5)
POINTS_AN_HOUR = 250
AT_ONCE = 100
TURN = timedelta(seconds=10)
PATIENCE = 2  # failures of a poll; each may be a time-out of half a minute
TRY_FAILED_AFTER = timedelta(hours=6)
SWEEP_EVERY = timedelta(days=1)
SWEEP_MERGED = timedelta(days=14)


def _wanted(now: datetime) -> QuerySet[GitHubIntegration]:
    """Organisations due to be polled."""
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        Q(poll_due_at__isnull=True) | Q(poll_due_at__lte=now),
        Exists(TrackedRepository.objects.filter(integration=OuterRef("pk"), is_active=True)),
        disconnected_at__isnull=True,
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return rows.select_related("credential", "team").order_by("poll_due_at")


def interval(integration: GitHubIntegration) -> timedelta:
    """Five minutes, or longer if polling would take more than `POINTS_AN_HOUR`."""
    count = integration.tracked_repositories.filter(is_active=True).count()
    return max(EVERY, timedelta(hours=count / AT_ONCE / POINTS_AN_HOUR))


def poll(integration: GitHubIntegration, now: datetime) -> None:
    """Asks for the newest change of each repository, and begins a run for those that changed.

    If that takes long, the next turn continues from `poll_reached`. Raises the last `GitHubError`,
    after asking about the others all the same.
    """
    rows = integration.tracked_repositories.filter(is_active=True, pk__gt=integration.poll_reached)
    parts = chunks(list(rows.order_by("pk").select_related("repository")), AT_ONCE)
    moved: list[TrackedRepository] = []
    outcome = Outcome(integration.poll_reached)
    try:
        with with_github(integration.credential) as github:
            for some in parts:
                _ask_about(github, some, moved, outcome)
                if outcome.is_stuck or datetime.now(UTC) > now + TURN:
                    break
            else:
                outcome.reached = 0
    finally:
        if moved:
            schedule.begin(integration.team, moved, SyncRun.Reason.SCHEDULE)
    if outcome.error:
        raise outcome.error
    _note_place(integration, outcome.reached, now)


@dataclass
class Outcome:
    """How far a poll has come, and what went wrong."""

    reached: int
    failures: int = 0
    error: GitHubError | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether the others would fail as well; they are asked about next time."""
        error = self.error
        is_final = isinstance(error, WaitError) or bool(error and not error.retryable)
        return is_final or self.failures == PATIENCE


def _ask_about(
    github: GitHub,
    some: Sequence[TrackedRepository],
    moved: list[TrackedRepository],
    outcome: Outcome,
) -> None:
    try:
        moved += _moved(github, some)
    except GitHubError as error:
        if error.is_heavy and len(some) > 1:
            for fewer in chunks(some, limits.fewer(len(some))):
                if not outcome.is_stuck:
                    _ask_about(github, fewer, moved, outcome)
            return
        outcome.error = error
        outcome.failures += 1
    outcome.reached = some[-1].pk


def _note_place(integration: GitHubIntegration, reached: int, now: datetime) -> None:
    """Where the next turn continues; None ends the poll."""
    due_at = integration.poll_due_at if reached else now + interval(integration)
    GitHubIntegration.objects.filter(pk=integration.pk, poll_due_at=integration.poll_due_at).update(
        poll_due_at=due_at, poll_reached=reached
    )


def _store_error(integration: GitHubIntegration, error: GitHubError, verdict: Verdict) -> None:
    now = datetime.now(UTC)
    due_at = max(filter(None, (verdict.again_at, now + interval(integration))))
    GitHubIntegration.objects.filter(pk=integration.pk, poll_due_at=integration.poll_due_at).update(
        poll_due_at=due_at, poll_reached=0
    )


POLL = Chore("poll", _wanted, poll, credential="credential", store_error=_store_error)


def _to_sweep(now: datetime) -> QuerySet[GitHubIntegration]:
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        Q(sweep_due_at__isnull=True) | Q(sweep_due_at__lte=now),
        credential__rejected_at__isnull=True,
        disconnected_at__isnull=True,
    )
    return rows.exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)


def sweep_all(integration: GitHubIntegration, now: datetime) -> None:
    """Marks open and recently merged pull requests for fetching, once a day."""
    if integration.sweep_due_at is not None:  # The first sync fetches everything anyway.
        for tracked in integration.tracked_repositories.filter(is_active=True):
            sweep(tracked, now)
    GitHubIntegration.objects.filter(pk=integration.pk).update(sweep_due_at=now + SWEEP_EVERY)


SWEEP = Chore("sweep", _to_sweep, sweep_all)


def sweep(tracked: TrackedRepository, now: datetime) -> int:
    """Marks a repository's open and recently merged pull requests as stale; returns how many."""
    wanted = PullRequest.objects.filter(
        Q(state=PullRequest.State.OPEN) | Q(merged_at__gte=now - SWEEP_MERGED),
        repository=tracked.repository,
    )
    return stale.mark(tracked, wanted.values_list("number", "node_id"), now)


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
    # Unchanged repositories were checked all the same.
    TrackedRepository.objects.filter(
        pk__in=[tracked.pk for tracked in quiet], status=SyncStatus.COMPLETE
    ).update(last_sync_at=datetime.now(UTC))
    return moved


def _has_news(tracked: TrackedRepository, record: records.RepositoryWithNewest) -> bool:
    _keep_name(tracked, record)
    _keep_account(tracked.integration, record.owner)
    if tracked.status == SyncStatus.ERROR and _is_long_ago(tracked.served_at):
        return True
    # Only the count reveals one that GitHub's lists do not show yet.
    counted = record.pull_requests.total_count
    if tracked.pull_requests_total is not None and (counted or 0) > tracked.pull_requests_total:
        return True
    newest = max((change.updated_at for change in record.pull_requests.items), default=None)
    if newest is None:
        return False
    return tracked.watermark is None or newest > tracked.watermark


def _is_long_ago(served_at: datetime | None) -> bool:
    return served_at is None or served_at < datetime.now(UTC) - TRY_FAILED_AFTER


def _keep_name(tracked: TrackedRepository, record: records.Repository) -> None:
    # It was requested by its own id.
    record = replace(record, database_id=tracked.github_repo_id)
    if ingest.differs(tracked.repository, record):
        with transaction.atomic():
            # In the order in which a worker locks them.
            lock_team(tracked.team_id)
            TrackedRepository.objects.filter(pk=tracked.pk).update(full_name=record.name_with_owner)
            ingest.repository(tracked.team, record)


def _keep_account(integration: GitHubIntegration, owner: records.Actor | None) -> None:
    """Follows a rename of the account itself, and has its people and repositories fetched.

    A transferred repository has another owner: only the same id counts.
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
            return  # GitHub did not return it this time.
    # Never served: it is synced as soon as a poll sees it again.
    TrackedRepository.objects.filter(pk=tracked.pk).update(
        status=SyncStatus.ERROR,
        error=str(error),
        is_permanent_error=True,
        due_at=None,
        served_at=None,
    )
    if tracked.run_id:
        schedule.conclude(tracked.run_id)
