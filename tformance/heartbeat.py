"""The worker's sign of life: each successful task stores a time that `doctor` reads.

The schedule sends a message every ten seconds, so a recent time proves schedule, broker, worker and
database in one.
"""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import caches

_KEY = "worker-heartbeat"


def beat() -> None:
    """Store a sign of life now."""
    if settings.REDIS_URL:
        caches["counts"].set(_KEY, time.time(), timeout=None)
    else:
        (settings.DATA_DIR / "heartbeat").touch()


def age() -> float | None:
    """Seconds since the last sign of life; None if there never was one."""
    if settings.REDIS_URL:
        last = caches["counts"].get(_KEY)
        return None if last is None else time.time() - float(last)
    try:
        return time.time() - float((settings.DATA_DIR / "heartbeat").stat().st_mtime)
    except FileNotFoundError:
        return None
