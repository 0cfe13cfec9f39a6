"""Celery's tasks: a table of chores, each of which checks the database.

Each turn is bounded in time, and deliveries are handled between any two, so that nothing delays
them by more than a turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from celery import shared_task

from apps.integrations.checks import spot_checks
from apps.integrations.connection import connecting, farewell
from apps.integrations.hooks import app_hook, handling, organization_hooks, repository_hooks
from apps.integrations.keeping import erasure, retention
from apps.integrations.repositories import discovery, suspension
from apps.integrations.storing import recalculation, recounting
from apps.integrations.sync import (
    kept_pages,
    poll,
    production,
    production_look,
    rereading,
    schedule,
    stale_deployments,
)
from apps.integrations.work import clock, leases
from apps.integrations.work.chores import Turn
from apps.users import outbox

LOOK_FOR = timedelta(seconds=50)
ASK_ALL_EVERY = timedelta(seconds=2)
A_MOMENT = 0.25  # seconds


def _mail(now: datetime) -> Turn:
    """First: users often wait for mail at their screen."""
    return Turn.DONE if outbox.send_due(now) else Turn.NOTHING


# People first, so that authors are never empty, then changes, then what can wait.
CHORES: tuple[Callable[[datetime], Turn], ...] = (
    _mail,
    handling.turn,
    discovery.DISCOVERY.turn,
    poll.POLL.turn,
    poll.SWEEP.turn,
    organization_hooks.turn,
    repository_hooks.turn,
    app_hook.CHORE.turn_or_soon,
    farewell.CHORE.turn_or_soon,
    schedule.turn,
    stale_deployments.STALE.turn,
    production_look.LOOK.turn,
    production.WALK.turn,
    recounting.RECOUNT.turn,
    rereading.REREADING.turn,
    suspension.SECOND_LOOK.turn,
    connecting.ABANDONED.turn,
    recalculation.RECALCULATION.turn,
    erasure.ERASURE.turn,
    erasure.TEAM.turn,
    retention.RETENTION.turn,
)


@shared_task
def look_for_due_work() -> None:
    """Does due work until none is left, for less than a minute."""
    if not clock.is_good_enough():
        return
    now = datetime.now(UTC)
    handling.prune(now)
    kept_pages.prune(now)
    leases.prune()
    schedule.conclude_all()
    _work(now + LOOK_FOR)
    schedule.conclude_all()


@shared_task
def compare_with_github() -> None:
    """Deletes expired entries of the audit log, and does today's due spot checks."""
    now = datetime.now(UTC)
    retention.forget_audit(now)
    outbox.forget_old(now)
    while spot_checks.SPOT_CHECK.turn(now) and datetime.now(UTC) < now + LOOK_FOR:
        pass


def _work(ends: datetime) -> None:
    """Turn after turn; a chore without work is only tried again after a few seconds."""
    chores, asked_all_at = CHORES, datetime.now(UTC)
    while datetime.now(UTC) < ends:
        turns = {chore: _turn(chore) for chore in chores}
        busy = tuple(chore for chore, turn in turns.items() if turn)
        if not busy and chores == CHORES:
            return
        if busy and max(turns.values()) is Turn.SOON:
            time.sleep(A_MOMENT)
        chores = busy
        if not busy or datetime.now(UTC) - asked_all_at > ASK_ALL_EVERY:
            chores, asked_all_at = CHORES, datetime.now(UTC)


def _turn(chore: Callable[[datetime], Turn]) -> Turn:
    """A chore's turn, then the deliveries that arrived during it."""
    done = chore(datetime.now(UTC))
    if done is Turn.DONE:
        handling.turn(datetime.now(UTC))
    return done
