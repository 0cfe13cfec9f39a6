"""Counter files whose space is there before anything is written to it.

prometheus_client maps files with holes into memory. Where the disk is full, the first write to a
hole ends the process by SIGBUS, which nothing can catch: counting must not cost a page.
"""

from __future__ import annotations

import logging
import mmap
import os

from prometheus_client import mmap_dict, values

FIRST = 2**16  # bytes
ENTRY = 64  # bytes of an entry besides its key; fewer in fact
# Where a system has no such call, a file with holes has to do.
_reserve = getattr(os, "posix_fallocate", lambda file, _, size: os.ftruncate(file, size))
log = logging.getLogger(__name__)


class CounterFile(mmap_dict.MmapedDict):
    """As the library's; where there is no room, what a process counts stays in its memory."""

    _is_kept = False

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._f = open(filename, "a+b")  # noqa: SIM115  # the library closes it
        self._fname = filename
        self._capacity = 0
        self._positions: dict[str, int] = {}
        self._grow(max(FIRST, os.fstat(self._f.fileno()).st_size))
        [self._used] = mmap_dict._unpack_integer(self._m, 0)
        if not self._used:
            self._used = 8
            mmap_dict._pack_integer(self._m, 0, self._used)  # type: ignore[no-untyped-call]
        for key, _, _, place in self._read_all_values():  # type: ignore[no-untyped-call]
            self._positions[key] = place

    def _init_value(self, key: str) -> None:
        while self._used + len(key.encode()) + ENTRY > self._capacity:
            self._grow(2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self, capacity: int) -> None:
        in_memory = bytes(self._m) if self._capacity and not self._is_kept else b""
        try:
            _reserve(self._f.fileno(), 0, capacity)
            self._m, self._is_kept = mmap.mmap(self._f.fileno(), capacity), True
        except OSError as error:
            log.warning("No room for counters on the disk, so they stay in memory: %s.", error)
            in_memory = in_memory or (bytes(self._m) if self._capacity else b"")
            self._m, self._is_kept = mmap.mmap(-1, capacity), False
        self._m[: len(in_memory)] = in_memory
        self._capacity = capacity


def use() -> None:
    """For all counters that are made from now on."""
    values.MmapedDict = CounterFile  # type: ignore[attr-defined]
