"""Whether this machine's clock is the database's: due times that workers write must agree."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

log = logging.getLogger(__name__)

TOLD_FROM = timedelta(seconds=5)
STOPS_FROM = timedelta(minutes=2)
LOOK_EVERY = 60.0  # seconds

_looked_at = float("-inf")
_found = timedelta()


def ahead() -> timedelta:
    """By how much this machine's clock is ahead of the database's; below zero where it is slow."""
    if connection.vendor != "postgresql":
        return timedelta()  # SQLite asks this machine's own.
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [there] = cursor.fetchone()
    difference: timedelta = before + (datetime.now(UTC) - before) / 2 - there
    return difference


def is_good_enough() -> bool:
    """Whether work may be done by this clock; looked at once a minute, and said where it differs.

    Leases are kept by the database's clock, so that some seconds only shift due times. Minutes
    would let a walk believe that it has seen what GitHub has not shown yet.
    """
    global _looked_at, _found
    if time.monotonic() - _looked_at >= LOOK_EVERY or abs(_found) >= STOPS_FROM:
        _looked_at, _found = time.monotonic(), ahead()
        if abs(_found) >= TOLD_FROM:
            log.error("%s", sentence(_found))
    return abs(_found) < STOPS_FROM


def forget() -> None:
    """Has the clocks compared anew at the next look."""
    global _looked_at
    _looked_at = float("-inf")


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
