"""Celery's side of the work: each task only looks into the database and does what is due."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from celery import shared_task

from apps.integrations.checks import spot_checks
from apps.integrations.connection import connecting, farewell
from apps.integrations.hooks import handling, repository_hooks
from apps.integrations.keeping import erasure, retention
from apps.integrations.repositories import discovery, suspension
from apps.integrations.storing import recalculation
from apps.integrations.sync import kept_pages, poll, schedule

LOOK_FOR = timedelta(seconds=50)


@shared_task
def look_for_due_work() -> None:
    """Does what is due until nothing is, for less than a minute: people first, then changes."""
    now = datetime.now(UTC)
    discovery.run_due(now)
    poll.poll_due(now)
    poll.sweep_due(now)
    handling.prune(now)
    kept_pages.prune(now)
    connecting.forget_abandoned(now)
    suspension.look_again(now)
    schedule.conclude_all()
    ends = now + LOOK_FOR
    recalculation.run_due(ends)
    erasure.run_due(ends)
    retention.run_due(now, ends)
    while _do_one(datetime.now(UTC)) and datetime.now(UTC) < ends:
        pass


@shared_task
def compare_with_github() -> None:
    """Forgets what the audit log need not keep, and does today's spot checks, as far as due."""
    now = datetime.now(UTC)
    retention.forget_audit(now)
    while spot_checks.run_due(now) and datetime.now(UTC) < now + LOOK_FOR:
        pass


def _do_one(now: datetime) -> bool:
    """Handles what hooks told, then a hook, then a repository; False when nothing is due."""
    handled = handling.handle_due(now)
    looked_after = repository_hooks.look_after_one(now) or farewell.do_one(now)
    tracked = schedule.claim(now)
    if tracked:
        schedule.serve(tracked)
    elif not handled and not looked_after and repository_hooks.is_any_due(now):
        time.sleep(0.25)  # The next hook may be made a second after the last one.
        return True
    return bool(handled or looked_after or tracked)
