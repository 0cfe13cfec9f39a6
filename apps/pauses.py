"""How long to wait before something is tried again that has failed so many times."""

from __future__ import annotations

from datetime import timedelta


def growing(first: timedelta, last: timedelta, failures: int) -> timedelta:
    """`first` where nothing failed before, twice as long with each failure, at most `last`."""
    return min(first * int(2 ** min(failures, 20)), last)
