"""Tells the workers to look into the database now, rather than at the next tick."""

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
    """Sends a message that says "look"; one that is lost only costs a few seconds."""
    _send()


def nudge_soon() -> None:
    """The same for things that come in bursts: one message now, and one for all that follow."""
    global _nudged_at
    if time.monotonic() - _nudged_at < TOGETHER:
        return  # The one that follows is on its way.
    # Where the cache cannot be reached, nobody is the first: work begins at the next tick.
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
