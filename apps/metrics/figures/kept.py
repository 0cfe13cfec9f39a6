"""The arrays of a team as one file that never changes: it is written aside, renamed and mapped.

It is a copy: whatever is wrong with it, the database has everything. So it is in no backup, and one
that was cut short, comes from another version of the program or belongs to other data is not used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from apps.metrics.figures.arrays import COLUMNS, Arrays

_MARK = b"tformance arrays"
_ALIGNED = 64
_HEAD = struct.Struct("<16s16sQQ")  # the mark, the format, the header's length, the file's length
_LAYOUT = json.dumps(
    [
        3,
        [
            (table, [(name, kind.str) for name, kind in columns.items()])
            for table, columns in COLUMNS.items()
        ],
    ]
)
_FORMAT = hashlib.blake2b(_LAYOUT.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Kept:
    """Arrays with what they are of: `key` names the data, `revisions` how far it was read."""

    key: str
    revisions: Mapping[int, int]
    arrays: Arrays


def folder() -> Path:
    """Where the files are, which only this program's user may read."""
    found: Path = settings.DATA_DIR / "figures"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def write(team: int, kept: Kept) -> None:
    """Keeps arrays of a team, in the place of those before; one writes at a time: see `alone`."""
    path = _path(team)
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)  # Of a writer that was killed.
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _write(file, kept)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _make_room(path)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One process of the machine at a time: what it keeps is there for the others."""
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(team: int, key: str) -> Kept | None:
    """What is kept of a team's data with this key, mapped; None where nothing is of use."""
    path = _path(team)
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        os.utime(path)  # Those that nobody reads are the first to go.
    except (OSError, ValueError):
        return None
    found = _read(mapped)
    if found is None or found.key != key:
        drop(team)
        return None
    return found


def drop(team: int) -> None:
    """Deletes what is kept of a team."""
    with contextlib.suppress(OSError):
        _path(team).unlink(missing_ok=True)


def _path(team: int) -> Path:
    return folder() / f"{team}.arrays"


def _write(file: Any, kept: Kept) -> None:
    header: dict[str, Any] = {
        "key": kept.key,
        "revisions": list(kept.revisions.items()),
        "rows": {name: len(next(iter(t.values()))) for name, t in kept.arrays.tables.items()},
    }
    text = json.dumps(header).encode()
    places, length = _places(header["rows"], len(text))
    file.write(_HEAD.pack(_MARK, _FORMAT, len(text), length))
    file.write(text)
    for (table, name), place in places.items():
        file.write(bytes(place - file.tell()))
        file.write(np.ascontiguousarray(kept.arrays.tables[table][name]).data)


def _read(mapped: mmap.mmap) -> Kept | None:
    if len(mapped) < _HEAD.size:
        return None
    mark, form, text_length, length = _HEAD.unpack_from(mapped)
    if (mark, form, length) != (_MARK, _FORMAT, len(mapped)):
        return None
    header = json.loads(mapped[_HEAD.size : _HEAD.size + text_length])
    places, _ = _places(header["rows"], text_length)
    tables: dict[str, Any] = {table: {} for table in COLUMNS}
    for (table, name), place in places.items():
        count, kind = header["rows"][table], COLUMNS[table][name]
        tables[table][name] = np.frombuffer(mapped, kind, count, place)
    return Kept(header["key"], dict(header["revisions"]), Arrays(**tables))


def _places(rows: Mapping[str, int], text_length: int) -> tuple[dict[tuple[str, str], int], int]:
    """Where in the file each column begins, and where the file ends."""
    places, place = {}, _HEAD.size + text_length
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            place = -(-place // _ALIGNED) * _ALIGNED
            places[table, name] = place
            place += rows[table] * kind.itemsize
    return places, place


def _make_room(mine: Path) -> None:
    """Lets those go that were not read for longest, until all fit into the setting's bound."""
    files = []
    for path in mine.parent.iterdir():
        with contextlib.suppress(OSError):
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= settings.FIGURES_MEMORY:
            return
        if path != mine:
            path.unlink(missing_ok=True)
            total -= size
