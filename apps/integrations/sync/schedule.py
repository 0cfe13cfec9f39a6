"""Which repository is next, for how long, and what happens when GitHub refuses.

The database is the queue: a repository is due, a worker claims it with a lease, works a while, and
sets when it is due again. A lost message or a killed worker loses nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from apps import log_ids
from apps.audit.record import record
from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    CursorError,
    GitHubError,
    TooHeavyError,
    UnavailableError,
)
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.sync import counts, kept_pages, stale
from apps.integrations.sync.walk import RECENT, Work, count, is_live, step
from apps.integrations.work import budget, leases, policy
from apps.integrations.work.chores import Turn, level_of
from apps.integrations.work.leases import LeaseLostError
from apps.integrations.work.policy import Kind, Verdict
from apps.teams.models import Team

log = logging.getLogger(__name__)

CHORE = "sync"
TURN = timedelta(seconds=20)
REQUESTS_AT_ONCE = 4

REJECTED = CredentialsRejectedError("GitHub does not accept the token any more.")
_OPEN = (SyncStatus.PENDING, SyncStatus.SYNCING, SyncStatus.WAITING)


def begin(team: Team, repositories: Iterable[TrackedRepository], reason: str) -> SyncRun:
    """Makes repositories due, in the current run or a new one.

    Locks exclude the keys (`no_key`): rows that a worker stores refer to their team, and are
    checked at commit.
    """
    wanted = list(repositories)
    # Before any of them is locked: a worker locks its lease before its repository.
    leases.forgive(CHORE, (tracked.pk for tracked in wanted if tracked.status not in _OPEN))
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        chosen = _lock(team, wanted)
        run = _lock_run(team) or SyncRun.objects.create(team=team, reason=reason)
        # Those in progress as well: what changed since they began is above where they began.
        chosen.update(wants_head=True)
        chosen.exclude(status__in=_OPEN, run=run).update(
            run=run,
            status=SyncStatus.PENDING,
            error="",
            failures=0,
            is_permanent_error=False,
            due_at=_now(),
        )
        _stop(chosen.filter(integration__credential__rejected_at__isnull=False))
        conclude(run.pk)
        if reason != SyncRun.Reason.TERMINAL:
            transaction.on_commit(nudge)
    run.refresh_from_db()
    return run


def _lock(team: Team, repositories: Iterable[TrackedRepository]) -> QuerySet[TrackedRepository]:
    """Locks rows in a worker's order: repositories first, then their run."""
    rows = TrackedRepository.objects.filter(
        team=team, is_active=True, pk__in=[tracked.pk for tracked in repositories]
    )
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return rows


def _lock_run(team: Team) -> SyncRun | None:
    runs = SyncRun.objects.for_team(team).select_for_update(no_key=True)
    return runs.filter(finished_at__isnull=True).first()


def under_way(team: Team) -> SyncRun | None:
    """The team's unfinished run."""
    return SyncRun.objects.for_team(team).filter(finished_at__isnull=True).first()


def due(now: datetime, run: SyncRun | None = None) -> QuerySet[TrackedRepository]:
    """Due repositories, the most urgent first.

    Stale marks come first, then everyone's latest thirty days, then history; among equals, the one
    that waited longest. If a worker was killed, `syncing` remains without a lease.
    """
    rows: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        Q(due_at__lte=now)
        | Q(status=SyncStatus.SYNCING)
        | Q(stale.has_any(now), is_permanent_error=False),
        is_active=True,
        integration__credential__rejected_at__isnull=True,
    )
    if run:
        rows = rows.filter(run=run)
    else:
        # Only the person who typed the command has that token.
        rows = rows.exclude(integration__credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    recent = Q(reached_at__isnull=True) | Q(reached_at__gt=now - RECENT) | Q(wants_head=True)
    return (
        rows.select_related("team", "repository__team", "integration__credential")
        .annotate(
            rank=Case(
                When(Q(stale.has_any(now)), then=Value(0)),
                When(recent, then=Value(1)),
                default=Value(2),
            )
        )
        .order_by("rank", F("served_at").asc(nulls_first=True), "pk")
    )


def claim(now: datetime, run: SyncRun | None = None) -> TrackedRepository | None:
    """Claims the most urgent free repository with a lease; None if nothing is due."""
    found = leases.claim(CHORE, due(now, run).exclude(_is_crowded()))
    if found is None:
        return None
    tracked, taken = found
    TrackedRepository.objects.filter(pk=tracked.pk).update(served_at=now)
    tracked.served_at, tracked.lease_owner = now, taken.owner
    return tracked


def turn(now: datetime) -> Turn:
    """Works on the most urgent repository for a while, if one is due."""
    tracked = claim(now)
    if tracked is None:
        return Turn.NOTHING
    serve(tracked)
    return Turn.DONE


def serve(
    tracked: TrackedRepository,
    *,
    since: datetime | None = None,
    turn: timedelta = TURN,
    on_step: Callable[[TrackedRepository], None] | None = None,
) -> None:
    """Works on a claimed repository until it is done, must wait, or its turn is over."""
    window_start = since or _window_start(tracked.team)
    taken = leases.Claim(CHORE, tracked.pk, tracked.lease_owner)
    work = Work(tracked, taken, window_start, _now() + turn)
    credential = tracked.integration.credential
    try:
        with taken.held(), log_ids.belongs_to(run=tracked.run_id):
            _set(work, status=SyncStatus.SYNCING)
            try:
                with with_github(credential, is_live=lambda: is_live(work, _now())) as github:
                    _converse(github, work, on_step)
            except GitHubError as error:
                _fail(work, error)
    except LeaseLostError:
        log.info("%s was taken over by another worker.", tracked.full_name)


def _converse(
    github: GitHub, work: Work, on_step: Callable[[TrackedRepository], None] | None
) -> None:
    try:
        work.kept = kept_pages.take(github, work.tracked, _now())
        _take_turn(github, work, on_step)
    except GitHubError:
        count(work, github)
        raise


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
    try:
        return _step(github, work)
    except (GitHubError, LeaseLostError, OperationalError, InterfaceError):
        raise  # If the database is down, nothing can be stored: the lease expires.
    except Exception as error:
        log.exception("%s could not be synced.", work.tracked.full_name)
        raise UnavailableError(
            f"tformance could not process GitHub's response ({error})."
        ) from None


def _step(github: GitHub, work: Work) -> bool:
    try:
        return step(github, work, _now())
    except CredentialsRejectedError:
        # GitHub sometimes answers 401 for a valid token; only a second one counts.
        return step(github, work, _now())


def _is_crowded() -> Q:
    """Repositories of accounts that enough workers are using already."""
    busy = TrackedRepository.objects.filter(pk__in=leases.held(CHORE).values("key"))
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
    ending = counts.ending(work.tracked, work.missing or 0, now)
    done = {"last_sync_at": now, "failures": 0, **ending}
    with transaction.atomic():
        work.claim.renew()
        rows = TrackedRepository.objects.filter(pk=work.tracked.pk)
        # In one statement: more may be requested at any time.
        is_done = rows.filter(wants_head=False).update(**done)
        if is_done:
            work.claim.release()
    if not is_done:
        return _release(work, due_at=now)
    if work.tracked.run_id:
        conclude(work.tracked.run_id)
    return None


def _fail(work: Work, error: GitHubError) -> None:
    """Sets when the repository is due again, or that only a person can help."""
    log.log(level_of(error), "%s: %s", work.tracked.full_name, error)
    smaller = limits.smaller(work.tracked.page_size) if error.is_heavy else work.tracked.page_size
    if isinstance(error, CursorError):
        _forget_cursor(work)
    elif isinstance(error, TooHeavyError) and smaller < work.tracked.page_size:
        _release(work, due_at=_now(), page_size=smaller)
    else:
        credential = work.tracked.integration.credential
        verdict = policy.answer(error, work.tracked.failures, credential)
        _follow(work, error, verdict, smaller)
        if verdict.kind is Kind.REJECTED:
            stop_rejected()
    if work.tracked.run_id:
        conclude(work.tracked.run_id)


def _follow(work: Work, error: GitHubError, verdict: Verdict, page_size: int) -> None:
    """Stores what a refusal means for the repository."""
    due_at = not_before = None if verdict.is_permanent else verdict.again_at
    if verdict.kind is Kind.WAIT:
        account = budget.account_of(work.tracked.integration.credential)
        # Live work may continue if only the reserve is left.
        not_before = budget.wait_for(account, _now(), live=True)
        if work.tracked.run_id:
            SyncRun.objects.filter(pk=work.tracked.run_id).update(waits=F("waits") + 1)
    _release(
        work,
        not_before,
        status=SyncStatus.ERROR if verdict.is_shown else SyncStatus.WAITING,
        due_at=due_at,
        is_permanent_error=verdict.is_permanent,
        failures=verdict.failures,
        page_size=page_size,
        error=str(error) if verdict.is_shown else error.message,
    )


def reject(credential: IntegrationCredential, error: CredentialsRejectedError) -> None:
    """Stops all work with a token that GitHub refused."""
    policy.reject(credential, error)
    stop_rejected()


def stop_rejected() -> None:
    """Ends open work of repositories whose credential GitHub has refused to any worker."""
    stopped = TrackedRepository.objects.filter(
        integration__credential__rejected_at__isnull=False, status__in=_OPEN, is_active=True
    )
    runs = set(stopped.filter(run__isnull=False).values_list("run", flat=True))
    _stop(stopped)
    for run in runs:
        conclude(run)


def _stop(rows: QuerySet[TrackedRepository]) -> None:
    for credential in IntegrationCredential.objects.filter(
        pk__in=rows.values("integration__credential")
    ).only("rejection_said"):
        rows.filter(integration__credential=credential).update(
            status=SyncStatus.ERROR,
            error=credential.rejection_said or str(REJECTED),
            is_permanent_error=True,
            due_at=None,
        )


def _forget_cursor(work: Work) -> None:
    """GitHub does not keep cursors forever: the walk with this one starts again."""
    if work.wants_head:
        _release(work, due_at=_now(), head_cursor="", head_newest=None)
    else:
        _release(work, due_at=_now(), history_cursor="")


def _release(work: Work, not_before: datetime | None = None, **changes: object) -> None:
    kept_pages.drop(work.tracked)
    with transaction.atomic():
        _set(work, **changes)
        if not_before:
            work.claim.postpone(not_before)
        else:
            work.claim.release()


@transaction.atomic
def _set(work: Work, **changes: object) -> None:
    work.claim.renew()
    TrackedRepository.objects.filter(pk=work.tracked.pk).update(**changes)
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
    # Entries of the schedule every few minutes would hide what people did.
    if failed or run.reason != SyncRun.Reason.SCHEDULE:
        record(
            f"github.sync.{run.status}",
            team_id=run.team_id,
            run=run.pk,
            pull_requests=run.pull_requests,
        )


def conclude_all() -> None:
    """Ends finished runs; a worker may have been killed before it could do so."""
    stop_rejected()
    for run_id in SyncRun.objects.filter(finished_at__isnull=True).values_list("pk", flat=True):
        conclude(run_id)


def _now() -> datetime:
    return datetime.now(UTC)
