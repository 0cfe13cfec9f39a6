"""Which repository is next, for how long, and what happens when GitHub says no.

What is to be done stands in the database: a repository is due, somebody claims it with a lease,
works a while, and says when it is due again. A lost message or a killed worker loses nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from apps.audit.record import record
from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    CursorError,
    GitHubError,
    InstallationRemovedError,
    InstallationSuspendedError,
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
from apps.integrations.sync import kept_pages
from apps.integrations.sync.walk import (
    LEASE,
    RECENT,
    LeaseLostError,
    Work,
    count,
    is_live,
    is_paid,
    step,
)
from apps.integrations.work import budget
from apps.integrations.work.nudge import nudge
from apps.teams.models import Team

log = logging.getLogger(__name__)

TURN = timedelta(seconds=20)
GIVE_UP_AFTER = 8
TRY_AGAIN = timedelta(hours=1)
REQUESTS_AT_ONCE = 4

_OPEN = (SyncStatus.PENDING, SyncStatus.SYNCING, SyncStatus.WAITING)
_REJECTED = {
    "status": SyncStatus.ERROR,
    "error": str(CredentialsRejectedError("GitHub does not accept the token any more.")),
    "is_permanent_error": True,
    "due_at": None,
}


class OwnWaitError(WaitError):
    """Our own budget says to wait; GitHub was not asked."""


def begin(team: Team, repositories: Iterable[TrackedRepository], reason: str) -> SyncRun:
    """Makes repositories due, in the run that is under way or a new one.

    Locks leave the keys alone (`no_key`): rows that a worker stores refer to their team, and are
    checked when it commits.
    """
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        chosen = _lock(team, repositories)
        run = _lock_run(team) or SyncRun.objects.create(team=team, reason=reason)
        # Those under way as well: what changed since they began is above where they began.
        chosen.update(wants_head=True)
        chosen.exclude(status__in=_OPEN, run=run).update(
            run=run,
            status=SyncStatus.PENDING,
            error="",
            failures=0,
            is_permanent_error=False,
            due_at=_now(),
            not_before=None,
        )
        chosen.filter(integration__credential__rejected_at__isnull=False).update(**_REJECTED)
        conclude(run.pk)
        if reason != SyncRun.Reason.TERMINAL:
            transaction.on_commit(nudge)
    run.refresh_from_db()
    return run


def _lock(team: Team, repositories: Iterable[TrackedRepository]) -> QuerySet[TrackedRepository]:
    """Locks rows in the order in which a worker does: repositories first, then their run."""
    rows = TrackedRepository.objects.filter(
        team=team, is_active=True, pk__in=[tracked.pk for tracked in repositories]
    )
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return rows


def _lock_run(team: Team) -> SyncRun | None:
    runs = SyncRun.objects.for_team(team).select_for_update(no_key=True)
    return runs.filter(finished_at__isnull=True).first()


def under_way(team: Team) -> SyncRun | None:
    """The team's run that has not ended yet."""
    return SyncRun.objects.for_team(team).filter(finished_at__isnull=True).first()


def due(now: datetime, run: SyncRun | None = None) -> QuerySet[TrackedRepository]:
    """Repositories that somebody should work on, the most urgent first.

    What was marked stale comes first, then everyone's latest thirty days, then history; among
    equals, whoever waited longest. Where a worker was killed, `syncing` stays without a lease.
    """
    stale = StalePullRequest.objects.filter(tracked=OuterRef("pk"), due_at__lte=now)
    rows = TrackedRepository.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=now),
        Q(not_before__isnull=True) | Q(not_before__lte=now),
        Q(due_at__lte=now)
        | Q(status=SyncStatus.SYNCING)
        | Q(Exists(stale), is_permanent_error=False),
        is_active=True,
        integration__credential__rejected_at__isnull=True,
    )
    if run:
        rows = rows.filter(run=run)
    else:
        # Only whoever typed the command has that token.
        rows = rows.exclude(integration__credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    live = Q(Exists(stale))
    recent = Q(reached_at__isnull=True) | Q(reached_at__gt=now - RECENT) | Q(wants_head=True)
    return rows.annotate(
        rank=Case(When(live, then=Value(0)), When(recent, then=Value(1)), default=Value(2))
    ).order_by("rank", F("served_at").asc(nulls_first=True), "pk")


def claim(now: datetime, run: SyncRun | None = None) -> TrackedRepository | None:
    """Takes the most urgent repository that is free, with a lease; None when nothing is due."""
    for pk in due(now, run).exclude(_is_crowded(now)).values_list("pk", flat=True)[:10]:
        owner = uuid.uuid4().hex
        free = TrackedRepository.objects.filter(
            Q(lease_until__isnull=True) | Q(lease_until__lt=now), pk=pk
        )
        if free.update(lease_owner=owner, lease_until=now + LEASE, served_at=now):
            return TrackedRepository.objects.select_related(
                "team", "repository__team", "integration__credential"
            ).get(pk=pk)
    return None


def serve(
    tracked: TrackedRepository,
    *,
    since: datetime | None = None,
    turn: timedelta = TURN,
    on_step: Callable[[TrackedRepository], None] | None = None,
) -> None:
    """Works on a claimed repository until it is done, must wait, or its turn is over."""
    window_start = since or _window_start(tracked.team)
    work = Work(tracked, tracked.lease_owner, window_start, _now() + turn)
    try:
        _set(work, status=SyncStatus.SYNCING)
        with with_github(tracked.integration.credential) as github:
            # Each may take a while, and a page whose lists are long takes many.
            github.before_request = lambda: _set(work, lease_until=_now() + LEASE)
            try:
                work.kept = kept_pages.take(github, tracked, _now())
                _take_turn(github, work, on_step)
            except GitHubError as error:
                count(work, github)
                _fail(work, error)
    except LeaseLostError:
        log.info("%s was taken over by another worker.", tracked.full_name)


def _take_turn(
    github: GitHub, work: Work, on_step: Callable[[TrackedRepository], None] | None
) -> None:
    while _go_on(github, work):
        if on_step:
            on_step(work.tracked)
        if work.is_over(_now()) and not github.is_ahead:
            return _release(work, due_at=_now())
    _finish(work)
    return None


def _go_on(github: GitHub, work: Work) -> bool:
    credential = work.tracked.integration.credential
    known = None if is_paid(github, work) else budget.of(credential)
    # Only where it matters: whether it is live is a question to the database.
    until = budget.until(known, _now())
    if until and (until := budget.until(known, _now(), live=is_live(work, _now()))):
        raise OwnWaitError("GitHub's rate limit is reached.", until, secondary=False)
    try:
        more = _step(github, work)
    except (GitHubError, LeaseLostError, OperationalError, InterfaceError):
        raise  # Where the database is gone, nothing can be noted: the lease runs out.
    except Exception as error:
        log.exception("%s could not be synced.", work.tracked.full_name)
        raise UnavailableError(f"tformance failed on what GitHub sent ({error}).") from None
    if known and known.blocks:
        budget.unblock(credential)
    return more


def _step(github: GitHub, work: Work) -> bool:
    try:
        return step(github, work, _now())
    except CredentialsRejectedError:
        # GitHub says so of a good token now and then; a second time means it.
        return step(github, work, _now())


def _is_crowded(now: datetime) -> Q:
    """Repositories of accounts for which enough workers talk with GitHub already."""
    busy = TrackedRepository.objects.filter(lease_until__gt=now)
    credential, account = "integration__credential", "integration__credential__account_id"
    by_account = Counter(
        busy.filter(**{f"{account}__isnull": False}).values_list(account, flat=True)
    )
    unnamed = Counter(busy.filter(**{account: None}).values_list(credential, flat=True))
    return Q(**{f"{account}__in": _full(by_account)}) | Q(**{f"{credential}__in": _full(unnamed)})


def _full(workers: Counter[int]) -> list[int]:
    return [key for key, number in workers.items() if number >= REQUESTS_AT_ONCE]


def _window_start(team: Team) -> datetime | None:
    return _now() - timedelta(days=team.window_days) if team.window_days else None


def _finish(work: Work) -> None:
    now = _now()
    kept_pages.drop(work.tracked)
    done = {"status": SyncStatus.COMPLETE, "last_sync_at": now, "error": "", "failures": 0}
    held = TrackedRepository.objects.filter(pk=work.tracked.pk, lease_owner=work.owner)
    free = {"lease_until": None, "lease_owner": ""}
    # In one statement: somebody may ask for more at any instant.
    if not held.filter(wants_head=False).update(due_at=None, **done, **free):
        return _release(work, due_at=now)
    if work.tracked.run_id:
        conclude(work.tracked.run_id)
    return None


def _fail(work: Work, error: GitHubError) -> None:
    """Says when the repository is due again, or that only a person can help."""
    log.info("%s: %s", work.tracked.full_name, error)
    if isinstance(error, WaitError):
        _wait(work, error)
    elif isinstance(error, CursorError):
        _forget_cursor(work)
    elif error.retryable:
        _retry(work, error)
    else:
        _give_up(work, error)
    if work.tracked.run_id:
        conclude(work.tracked.run_id)


def _wait(work: Work, wait: WaitError) -> None:
    credential = work.tracked.integration.credential
    is_own = isinstance(wait, OwnWaitError)
    until = wait.until if is_own else budget.block(credential, wait, _now())
    if work.tracked.run_id:
        SyncRun.objects.filter(pk=work.tracked.run_id).update(waits=F("waits") + 1)
    _release(
        work,
        status=SyncStatus.WAITING,
        due_at=until,
        not_before=budget.wait_for(credential, _now(), live=True),
        error=wait.message,
    )


def _retry(work: Work, error: GitHubError) -> None:
    failures, page_size = work.tracked.failures + 1, work.tracked.page_size
    smaller = limits.smaller(page_size) if error.is_heavy else page_size
    if isinstance(error, TooHeavyError) and smaller < page_size:
        _release(work, due_at=_now(), page_size=smaller)
        return
    given_up = failures >= GIVE_UP_AFTER
    again_at = _now() + (TRY_AGAIN if given_up else limits.backoff(failures))
    _release(
        work,
        status=SyncStatus.ERROR if given_up else SyncStatus.WAITING,
        due_at=again_at,
        not_before=again_at,
        failures=failures,
        page_size=smaller,
        error=str(error) if given_up else error.message,
    )


def _give_up(work: Work, error: GitHubError) -> None:
    if isinstance(error, CredentialsRejectedError):
        reject(work.tracked.integration.credential, error)
    _release(
        work,
        status=SyncStatus.ERROR,
        due_at=None,
        is_permanent_error=True,
        error=str(error),
    )


def reject(credential: IntegrationCredential, error: CredentialsRejectedError) -> None:
    """Stops all work with a token that GitHub refused, until somebody connects again.

    Where a GitHub App was only suspended, until that is over.
    """
    now = _now()
    if IntegrationCredential.objects.filter(pk=credential.pk, rejected_at=None).update(
        rejected_at=now, rejection=_rejection(error)
    ):
        name = credential.account_login
        record("github.token.refused", team_id=credential.team_id, object_name=name)
    stopped = TrackedRepository.objects.filter(
        integration__credential=credential, status__in=_OPEN, is_active=True
    )
    runs = set(stopped.filter(run__isnull=False).values_list("run", flat=True))
    stopped.update(**{**_REJECTED, "error": str(error)})
    for run in runs:
        conclude(run)


def _rejection(error: CredentialsRejectedError) -> str:
    if isinstance(error, InstallationSuspendedError):
        return IntegrationCredential.Rejection.SUSPENDED
    removed = isinstance(error, InstallationRemovedError)
    return IntegrationCredential.Rejection.REMOVED if removed else ""


def _forget_cursor(work: Work) -> None:
    """GitHub does not keep cursors for ever: the walk that holds it begins anew."""
    if work.wants_head:
        _release(work, due_at=_now(), head_cursor="", head_newest=None)
    else:
        _release(work, due_at=_now(), history_cursor="")


def _release(work: Work, **changes: object) -> None:
    kept_pages.drop(work.tracked)
    _set(work, lease_until=None, lease_owner="", **changes)


def _set(work: Work, **changes: object) -> None:
    held = TrackedRepository.objects.filter(pk=work.tracked.pk, lease_owner=work.owner)
    if not held.update(**changes):
        raise LeaseLostError
    for name, value in changes.items():
        setattr(work.tracked, name, value)


@transaction.atomic
def conclude(run_id: int) -> None:
    """Ends a run when none of its repositories has anything left to do."""
    run = (
        SyncRun.objects.select_for_update(no_key=True)
        .filter(pk=run_id, finished_at__isnull=True)
        .first()
    )
    rows = TrackedRepository.objects.filter(run_id=run_id, is_active=True)
    if run is None or rows.filter(status__in=_OPEN).exists():
        return
    failed = rows.filter(status=SyncStatus.ERROR)
    run.status = SyncStatus.ERROR if failed.exists() else SyncStatus.COMPLETE
    run.error = "; ".join(f"{row.full_name}: {row.error}" for row in failed[:5])
    run.finished_at = _now()
    run.save(update_fields=["status", "error", "finished_at", "modified_at"])
    GitHubIntegration.objects.filter(pk__in=rows.values("integration")).update(
        sync_status=run.status, last_sync_at=run.finished_at
    )
    # What the schedule does every few minutes would hide what people did.
    if failed or run.reason != SyncRun.Reason.SCHEDULE:
        record(
            f"github.sync.{run.status}",
            team_id=run.team_id,
            run=run.pk,
            pull_requests=run.pull_requests,
        )


def conclude_all() -> None:
    """Ends the runs that are done; a worker may have been killed before it could say so."""
    for run_id in SyncRun.objects.filter(finished_at__isnull=True).values_list("pk", flat=True):
        conclude(run_id)


def _now() -> datetime:
    return datetime.now(UTC)
