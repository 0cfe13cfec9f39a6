"""What the C library keeps of the memory that a process once needed. Does nothing without glibc."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def allocate_from_one_place() -> None:
    """Lets all threads, also later ones, share what was freed; by default each two keep their own.

    After twenty threads had read five years of a million pull requests, 0.39 GB remained instead
    of 0.65, in no more time: Python runs one of them at once anyway.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def release() -> None:
    """Returns to the system what is free; otherwise it is kept for later."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
