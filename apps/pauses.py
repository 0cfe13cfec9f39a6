"""Pauses between retries."""

from __future__ import annotations

from datetime import timedelta


def growing(first: timedelta, last: timedelta, failures: int) -> timedelta:
    """`first` before any failure, doubled with each failure, at most `last`."""
    return min(first * int(2 ** min(failures, 20)), last)
