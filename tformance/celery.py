"""Celery moves messages that only say "look": what is to be done stands in the database."""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun, task_revoked, worker_process_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

log = logging.getLogger(__name__)

app = Celery("tformance")
app.config_from_object("tformance.celery_settings")
app.autodiscover_tasks(["apps.integrations", "apps.metrics"])


@worker_ready.connect
@task_prerun.connect
def leave_sign_of_life(**_: Any) -> None:
    """Tell `tformance doctor` that the worker lives."""
    from tformance import heartbeat

    heartbeat.beat()


@worker_ready.connect
def compare_clocks(**_: Any) -> None:
    """Say at the start where this machine's clock is not the database's."""
    from django.db import DatabaseError

    from apps.integrations.work import clock

    try:
        clock.is_good_enough()
    except DatabaseError:
        log.warning("The database cannot be reached; the clocks were not compared.")


@task_revoked.connect
def say_what_was_dropped(request: Any = None, expired: bool = False, **_: Any) -> None:
    """A message that is too old to be taken is worth a line: the clock may be wrong."""
    if expired:
        name = getattr(request, "name", "a task")
        log.warning("A message for %s had expired. Is this machine's clock right?", name)
    compare_clocks()


@worker_process_init.connect
def freeze(**_: Any) -> None:
    """Spare the collector what a worker holds for good: it took a tenth of a second to look at."""
    gc.freeze()
