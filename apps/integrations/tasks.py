"""Celery's side of the work: each task only looks into the database and does what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celery import shared_task

from apps.integrations import discovery, poll, sync

LOOK_FOR = timedelta(seconds=50)


@shared_task
def look_for_due_work() -> None:
    """Serves repositories until nothing is due, for less than a minute."""
    now = datetime.now(UTC)
    discovery.run_due(now)
    poll.poll_due(now)
    poll.sweep_due(now)
    ends = now + LOOK_FOR
    while datetime.now(UTC) < ends:
        tracked = sync.claim(datetime.now(UTC))
        if tracked is None:
            return
        sync.serve(tracked)
