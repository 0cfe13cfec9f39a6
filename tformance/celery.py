"""Celery's messages only say "look": the work itself is in the database."""

from __future__ import annotations

import gc
import logging
import os
import time
from typing import Any

from celery import Celery
from celery.signals import (
    task_postrun,
    task_prerun,
    task_revoked,
    worker_process_init,
    worker_ready,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

log = logging.getLogger(__name__)

app = Celery("tformance")
app.config_from_object("tformance.celery_settings")
app.autodiscover_tasks(["apps.integrations", "apps.metrics"])


_begun: dict[str, float] = {}


@task_prerun.connect
def begin(task_id: str, **_: Any) -> None:
    """Record when a task begins."""
    _begun[task_id] = time.perf_counter()


@task_postrun.connect
def measure(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    """Count a task; only a successful one is a sign of life for `tformance doctor`."""
    from apps.measures import TASKS
    from tformance import heartbeat

    took = time.perf_counter() - _begun.pop(task_id, time.perf_counter())
    outcome = "success" if state == "SUCCESS" else "failure"
    TASKS.labels(task.name.rpartition(".")[2], outcome).observe(took)
    if outcome == "success":
        heartbeat.beat()


@worker_ready.connect
def compare_clocks(**_: Any) -> None:
    """Warn at the start if this machine's clock differs from the database's."""
    from django.db import DatabaseError

    from apps.integrations.work import clock

    try:
        clock.is_good_enough()
    except DatabaseError:
        log.warning("The database cannot be reached; the clocks were not compared.")


@worker_ready.connect
def tell_metrics(**_: Any) -> None:
    """Serve `/metrics` from the process that starts the others."""
    from django.conf import settings

    from tformance import metrics_server

    if settings.METRICS_ADDRESS:
        metrics_server.begin(*settings.METRICS_ADDRESS)


@task_revoked.connect
def say_what_was_dropped(request: Any = None, expired: bool = False, **_: Any) -> None:
    """Log a message that expired before it was taken: the clock may be wrong."""
    if expired:
        name = getattr(request, "name", "a task")
        log.warning("A message for %s had expired. Is this machine's clock right?", name)
    compare_clocks()


@worker_process_init.connect
def freeze(**_: Any) -> None:
    """Exempt long-lived objects from garbage collection, which took 0.1 s for them."""
    gc.freeze()
