"""A team's arrays in one immutable file: written under another name, renamed and mapped.

It is a copy; the database has everything. So no backup contains it, and a file that is truncated,
of another program version or of other data is not used.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from apps.metrics.figures.arrays import COLUMNS, Arrays

_MARK = b"tformance arrays"
_ALIGNED = 64
_HEAD = struct.Struct("<16s16sQQ")  # magic number, format, header length, file length
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
    """Arrays with their origin: `key` names the data, `revisions` how far it was read."""

    key: str
    revisions: Mapping[int, int]
    arrays: Arrays


def folder() -> Path:
    """The folder of the files, readable only by this program's user."""
    found: Path = settings.DATA_DIR / "figures"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def write(team: int, kept: Kept) -> None:
    """Stores a team's arrays, replacing former ones; one process writes at a time: see `alone`."""
    path = _path(team)
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)  # Left by a killed writer.
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
def alone(team: int) -> Iterator[None]:
    """A lock among the machine's processes: one builds a team's file, the others then use it."""
    with _lock(team).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Progress:
    """How many rows were read to build a team's arrays, and of how many pull requests."""

    total: int
    pull_requests: int = 0
    reviews: int = 0


def tell(team: int, progress: Progress) -> None:
    """Reports the progress to other processes; only the holder of `alone` does."""
    with contextlib.suppress(OSError):  # That is no reason to stop.
        _aside(team).write_text(json.dumps(asdict(progress)))
        _aside(team).replace(_progress_file(team))


def progress(team: int) -> Progress | None:
    """The progress of the process that holds `alone`; None if there is none or nothing is known."""
    try:
        with _lock(team).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError):
            return Progress(**json.loads(_progress_file(team).read_text()))
    return None


def is_there(team: int, key: str) -> bool:
    """Whether there is a file of a team's data with this key."""
    found = _mapped(team)
    return found is not None and found.key == key


def read(team: int, key: str) -> Kept | None:
    """The team's stored arrays with this key, mapped; None if missing or unusable."""
    found = _mapped(team)
    if found is None or found.key != key:
        drop(team)
        return None
    with contextlib.suppress(OSError):
        os.utime(_path(team))  # Files that are not read are deleted first.
    return found


def _mapped(team: int) -> Kept | None:
    try:
        with _path(team).open("rb") as file:
            return _read(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None


def drop(team: int) -> None:
    """Deletes a team's file."""
    with contextlib.suppress(OSError):
        _path(team).unlink(missing_ok=True)


def _path(team: int) -> Path:
    return folder() / f"{team}.arrays"


def _lock(team: int) -> Path:
    return folder() / f"{team}.lock"


def _progress_file(team: int) -> Path:
    return folder() / f"{team}.progress"


def _aside(team: int) -> Path:
    return folder() / f"{team}.progress.new"


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
    """Where each column begins in the file, and where the file ends."""
    places, place = {}, _HEAD.size + text_length
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            place = -(-place // _ALIGNED) * _ALIGNED
            places[table, name] = place
            place += rows[table] * kind.itemsize
    return places, place


def _make_room(mine: Path) -> None:
    """Deletes the least recently read files, until all fit into the configured size."""
    files = []
    for path in mine.parent.glob("*.arrays"):
        with contextlib.suppress(OSError):
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= settings.FIGURES_MEMORY:
            return
        if path != mine:
            path.unlink(missing_ok=True)
            total -= size
