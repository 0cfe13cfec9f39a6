"""Celery moves messages that only say "look": what is to be done stands in the database."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_process_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

app = Celery("tformance")
app.config_from_object("tformance.celery_settings")
app.autodiscover_tasks(["apps.integrations", "apps.metrics"])


@worker_ready.connect
@task_prerun.connect
def leave_sign_of_life(**_: Any) -> None:
    """Tell `tformance doctor` that the worker lives."""
    from tformance import heartbeat

    heartbeat.beat()


@worker_process_init.connect
def freeze(**_: Any) -> None:
    """Spare the collector what a worker holds for good: it took a tenth of a second to look at."""
    gc.freeze()
