"""Which repository is next, for how long, and what happens when GitHub says no.

What is to be done stands in the database: a repository is due, somebody claims it with a lease,
works a while, and says when it is due again. A lost message or a killed worker loses nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from apps.integrations import budget
from apps.integrations.conversation import with_github
from apps.integrations.github import limits
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    RefusedError,
    TooHeavyError,
    UnavailableError,
    WaitError,
)
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    StalePullRequest,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.walk import LeaseLostError, Work, is_live, step
from apps.teams.models import Team

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
TURN = timedelta(seconds=20)
RECENT = timedelta(days=30)
GIVE_UP_AFTER = 8
TRY_AGAIN = timedelta(hours=1)
REQUESTS_AT_ONCE = 4

_OPEN = (SyncStatus.PENDING, SyncStatus.SYNCING, SyncStatus.WAITING)


def begin(team: Team, repositories: Iterable[TrackedRepository], reason: str) -> SyncRun:
    """Makes repositories due, in the run that is under way or a new one."""
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=team.pk)
        run = under_way(team) or SyncRun.objects.create(team=team, reason=reason)
        due = TrackedRepository.objects.filter(
            team=team, is_active=True, pk__in=[tracked.pk for tracked in repositories]
        )
        due.exclude(status__in=_OPEN, run=run).update(
            run=run,
            status=SyncStatus.PENDING,
            error="",
            failures=0,
            is_permanent_error=False,
            wants_head=True,
            due_at=_now(),
        )
        conclude(run.pk)
        if reason != SyncRun.Reason.TERMINAL:
            transaction.on_commit(nudge)
    run.refresh_from_db()
    return run


def under_way(team: Team) -> SyncRun | None:
    """The team's run that has not ended yet."""
    return SyncRun.objects.for_team(team).filter(finished_at__isnull=True).first()


def due(now: datetime, run: SyncRun | None = None) -> QuerySet[TrackedRepository]:
    """Repositories that somebody should work on, the most urgent first.

    Everyone's latest thirty days come before anyone's history; then whoever waited longest.
    """
    stale = StalePullRequest.objects.filter(tracked=OuterRef("pk"), due_at__lte=now)
    rows: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=now),
        Q(due_at__lte=now) | Exists(stale),
        is_active=True,
        integration__credential__rejected_at__isnull=True,
    )
    if run:
        rows = rows.filter(run=run)
    live = Q(Exists(stale))
    recent = Q(reached_at__isnull=True) | Q(reached_at__gt=now - RECENT) | Q(wants_head=True)
    return rows.annotate(
        rank=Case(When(live, then=Value(0)), When(recent, then=Value(1)), default=Value(2))
    ).order_by("rank", F("served_at").asc(nulls_first=True), "pk")


def claim(now: datetime, run: SyncRun | None = None) -> TrackedRepository | None:
    """Takes the most urgent repository that is free, with a lease; None when nothing is due."""
    for tracked in due(now, run).select_related("integration__credential")[:10]:
        if _is_crowded(tracked.integration.credential, now):
            continue
        owner = uuid.uuid4().hex
        free = TrackedRepository.objects.filter(
            Q(lease_until__isnull=True) | Q(lease_until__lt=now), pk=tracked.pk
        )
        if free.update(lease_owner=owner, lease_until=now + LEASE, served_at=now):
            claimed: TrackedRepository = TrackedRepository.objects.select_related(
                "team", "repository__team", "integration__credential"
            ).get(pk=tracked.pk)
            return claimed
    return None


def serve(
    tracked: TrackedRepository,
    *,
    since: datetime | None = None,
    turn: timedelta = TURN,
    on_step: Callable[[TrackedRepository], None] | None = None,
) -> None:
    """Works on a claimed repository until it is done, must wait, or its turn is over."""
    work = Work(tracked, tracked.lease_owner, since or _window_start(tracked.team))
    try:
        _set(work, status=SyncStatus.SYNCING)
        try:
            _take_turn(work, _now() + turn, on_step)
        except GitHubError as error:
            _fail(work, error)
    except LeaseLostError:
        log.info("%s was taken over by another worker.", tracked.full_name)


def _take_turn(
    work: Work, ends: datetime, on_step: Callable[[TrackedRepository], None] | None
) -> None:
    with with_github(work.tracked.integration.credential) as github:
        while _go_on(github, work):
            if on_step:
                on_step(work.tracked)
            if _now() >= ends:
                return _release(work, due_at=_now())
    _finish(work)
    return None


def _go_on(github: GitHub, work: Work) -> bool:
    credential = work.tracked.integration.credential
    if until := budget.wait_for(credential, _now(), live=is_live(work, _now())):
        raise WaitError("GitHub's rate limit is reached.", until, secondary=False)
    _set(work, lease_until=_now() + LEASE)
    try:
        more = step(github, work, _now())
    except (GitHubError, LeaseLostError, OperationalError, InterfaceError):
        raise  # Where the database is gone, nothing can be noted: the lease runs out.
    except Exception as error:
        log.exception("%s could not be synced.", work.tracked.full_name)
        raise UnavailableError(f"tformance failed on what GitHub sent ({error}).") from None
    budget.unblock(credential)
    return more


def _is_crowded(credential: IntegrationCredential, now: datetime) -> bool:
    busy = TrackedRepository.objects.filter(
        integration__credential__account_id=credential.account_id, lease_until__gt=now
    )
    return busy.count() >= REQUESTS_AT_ONCE


def _window_start(team: Team) -> datetime | None:
    return _now() - timedelta(days=team.history_days) if team.history_days else None


def _finish(work: Work) -> None:
    now = _now()
    if TrackedRepository.objects.filter(pk=work.tracked.pk, wants_head=True).exists():
        return _release(work, due_at=now)  # Somebody asked while we worked.
    _release(work, status=SyncStatus.COMPLETE, due_at=None, last_sync_at=now, error="", failures=0)
    if work.tracked.run_id:
        conclude(work.tracked.run_id)
    return None


def _fail(work: Work, error: GitHubError) -> None:
    """Says when the repository is due again, or that only a person can help."""
    log.info("%s: %s", work.tracked.full_name, error)
    if isinstance(error, WaitError):
        _wait(work, error)
    elif isinstance(error, RefusedError) and _forget_cursor(work):
        _release(work, due_at=_now(), failures=work.tracked.failures + 1)
    elif error.retryable:
        _retry(work, error)
    else:
        _give_up(work, error)
    if work.tracked.run_id:
        conclude(work.tracked.run_id)


def _wait(work: Work, wait: WaitError) -> None:
    until = budget.block(work.tracked.integration.credential, wait, _now())
    if work.tracked.run_id:
        SyncRun.objects.filter(pk=work.tracked.run_id).update(waits=F("waits") + 1)
    _release(work, status=SyncStatus.WAITING, due_at=until, error=wait.message)


def _retry(work: Work, error: GitHubError) -> None:
    failures = work.tracked.failures + 1
    page_size = limits.smaller(work.tracked.page_size)
    if isinstance(error, TooHeavyError) and page_size < work.tracked.page_size:
        _release(work, due_at=_now(), page_size=page_size)
        return
    given_up = failures >= GIVE_UP_AFTER
    _release(
        work,
        status=SyncStatus.ERROR if given_up else SyncStatus.WAITING,
        due_at=_now() + (TRY_AGAIN if given_up else limits.backoff(failures)),
        failures=failures,
        page_size=page_size,
        error=str(error) if given_up else error.message,
    )


def _give_up(work: Work, error: GitHubError) -> None:
    if isinstance(error, CredentialsRejectedError):
        reject(work.tracked.integration.credential)
    _release(
        work,
        status=SyncStatus.ERROR,
        due_at=None,
        is_permanent_error=True,
        error=str(error),
    )


def reject(credential: IntegrationCredential) -> None:
    """Stops all work with a token that GitHub refused, until somebody connects again."""
    now = _now()
    IntegrationCredential.objects.filter(pk=credential.pk).update(rejected_at=now)
    TrackedRepository.objects.filter(
        integration__credential=credential, status__in=_OPEN, is_active=True
    ).update(
        status=SyncStatus.ERROR,
        error=str(CredentialsRejectedError("GitHub does not accept the token any more.")),
        is_permanent_error=True,
    )


def _forget_cursor(work: Work) -> bool:
    """GitHub does not keep cursors for ever: once, the walk begins anew."""
    tracked = work.tracked
    if tracked.failures or not (tracked.head_cursor or tracked.history_cursor):
        return False
    _set(work, head_cursor="", head_newest=None, history_cursor="")
    return True


def _release(work: Work, **changes: object) -> None:
    _set(work, lease_until=None, lease_owner="", **changes)


def _set(work: Work, **changes: object) -> None:
    held = TrackedRepository.objects.filter(pk=work.tracked.pk, lease_owner=work.owner)
    if not held.update(**changes):
        raise LeaseLostError
    for name, value in changes.items():
        setattr(work.tracked, name, value)


def conclude(run_id: int) -> None:
    """Ends a run when none of its repositories has anything left to do."""
    rows = TrackedRepository.objects.filter(run_id=run_id, is_active=True)
    if rows.filter(status__in=_OPEN).exists():
        return
    failed = rows.filter(status=SyncStatus.ERROR)
    status = SyncStatus.ERROR if failed.exists() else SyncStatus.COMPLETE
    error = "; ".join(f"{row.full_name}: {row.error}" for row in failed[:5])
    ended = SyncRun.objects.filter(pk=run_id, finished_at__isnull=True)
    if ended.update(status=status, finished_at=_now(), error=error):
        for integration in GitHubIntegration.objects.filter(
            tracked_repositories__run_id=run_id
        ).distinct():
            _tell_integration(integration, status)


def _tell_integration(integration: GitHubIntegration, status: SyncStatus) -> None:
    GitHubIntegration.objects.filter(pk=integration.pk).update(
        sync_status=status, last_sync_at=_now()
    )


def _now() -> datetime:
    return datetime.now(UTC)
