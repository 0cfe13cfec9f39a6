"""Tells the workers to check the database now instead of at the next tick."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import current_app
from django.core.cache import caches
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TOGETHER = 1  # seconds

_nudged_at = 0.0


def nudge() -> None:
    """Sends a message that says "look"; a lost one costs a few seconds."""
    _send()


def nudge_soon() -> None:
    """The same for bursts: one message now, and one for all that follow."""
    global _nudged_at
    if time.monotonic() - _nudged_at < TOGETHER:
        return  # The following message is scheduled already.
    # If the cache is unreachable, no caller is the first: work begins at the next tick.
    if caches["counts"].add("nudged", True, timeout=TOGETHER):
        _nudged_at = time.monotonic()
        _send()
        _send(countdown=TOGETHER + 0.1)


def _send(**options: Any) -> None:
    try:
        current_app.send_task(
            "apps.integrations.tasks.look_for_due_work", expires=600, retry=False, **options
        )
    except (KombuError, RedisError, OSError) as error:
        log.warning("The broker cannot be reached (%s); work begins at the next tick.", error)
