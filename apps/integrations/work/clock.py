"""Whether this machine's clock agrees with the database's: workers write due times."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

log = logging.getLogger(__name__)

REPORTED_FROM = timedelta(seconds=5)
STOPS_FROM = timedelta(minutes=2)
COMPARE_EVERY = 60.0  # seconds

_compared_at = float("-inf")
_difference = timedelta()


def ahead() -> timedelta:
    """How far this machine's clock is ahead of the database's; negative if it is slow."""
    if connection.vendor != "postgresql":
        return timedelta()  # SQLite uses this machine's own.
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [there] = cursor.fetchone()
    difference: timedelta = before + (datetime.now(UTC) - before) / 2 - there
    return difference


def is_good_enough() -> bool:
    """Whether work may be done by this clock; checked once a minute, and logged if it differs.

    Leases use the database's clock, so a few seconds only shift due times. With minutes, a walk
    could assume that it has seen what GitHub has not shown yet.
    """
    global _compared_at, _difference
    if time.monotonic() - _compared_at >= COMPARE_EVERY or abs(_difference) >= STOPS_FROM:
        _compared_at, _difference = time.monotonic(), ahead()
        if abs(_difference) >= REPORTED_FROM:
            log.error("%s", sentence(_difference))
    return abs(_difference) < STOPS_FROM


def forget() -> None:
    """Compares the clocks again at the next check."""
    global _compared_at
    _compared_at = float("-inf")


def sentence(difference: timedelta) -> str:
    """What is wrong with the clock, and what follows."""
    seconds = difference.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    follows = (
        "No work is done until they agree."
        if abs(difference) >= STOPS_FROM
        else "Set both by a time server."
    )
    return f"This machine's clock is {abs(seconds):.0f} s {side} the database's. {follows}"
