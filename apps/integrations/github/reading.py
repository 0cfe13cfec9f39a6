"""PURE: reads a reply leaf by leaf: what cannot be read is missing, and the rest stays.

What a record must have, since it identifies it, takes the record with it, as in GraphQL itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from apps.integrations.github.errors import UnavailableError
from apps.integrations.github.records import Path

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<nul>u0000)|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRANGE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
# An offset can carry these beyond the years that anything here knows.
_EDGE = re.compile(rb'"(?:9999-12-31|0001-01-01)T')


def tidied(body: bytes) -> bytes:
    """A body whose texts can be read and stored: GitHub's may hold any bytes.

    NUL is left out; half a surrogate pair and what is no UTF-8 become U+FFFD.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            body = body.decode(errors="replace").encode()
    return _ESCAPES.sub(_readable, body) if _STRANGE.search(body) else body


def _readable(found: re.Match[bytes]) -> bytes:
    if found["nul"]:
        return b""
    return b"\\ufffd" if found["half"] else found[0]


def read(data: Raw | bytes, kind: type[Any]) -> tuple[Any, list[Path]]:
    """Data as `kind`, and what of it could not be read; BigInt comes as text and is a number.

    Raises UnavailableError where nothing is left.
    """
    text = bytes(data)
    if not _EDGE.search(text):
        try:
            return msgspec.json.decode(text, type=kind, strict=False), []
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # What is wrong is found below, which takes longer.
    return _mended(_tree(text), kind)


def decode(data: Raw | bytes, kind: type[Any]) -> Any:
    """The same, where it does not matter what could not be read."""
    return read(data, kind)[0]


def _tree(text: bytes) -> Any:
    try:
        return json.loads(text, parse_int=_integer, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None


def _integer(digits: str) -> int | None:
    # Longer ones are no number of anything.
    return int(digits) if len(digits) < 30 else None


def _mended(tree: Any, kind: type[Any]) -> tuple[Any, list[Path]]:
    lost = list(_beyond_the_calendar(tree))
    for path in lost:
        _drop(tree, path)
    while True:
        try:
            return msgspec.json.decode(msgspec.json.encode(tree), type=kind, strict=False), lost
        except msgspec.ValidationError as error:
            lost.append(_drop(tree, _path(error)))


def _beyond_the_calendar(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Instants that no calendar of ours has in UTC."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _beyond_the_calendar(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _beyond_the_calendar(value, (*path, index))
    elif isinstance(tree, str) and str(path[-1]).endswith(("At", "Date")):
        try:
            datetime.fromisoformat(tree).astimezone(UTC)
        except OverflowError:
            yield path
        except ValueError:
            pass  # It is found when the record is read.


def _path(error: msgspec.ValidationError) -> Path:
    _, told, place = str(error).rpartition(" - at `$")
    if not told:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None
    return tuple(name or int(index) for name, index in _STEP.findall(place))


def _drop(tree: Any, path: Path) -> Path:
    """Makes what stands there null; where it is already, a record's default takes its place.

    A list that may hold no null goes as a whole.
    """
    if not path:
        raise UnavailableError("GitHub's reply cannot be read.")
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    if isinstance(holder, dict) and holder.get(path[-1]) is None:
        holder.pop(path[-1], None)
    elif holder[path[-1]] is None:
        return _drop(tree, path[:-1])
    else:
        holder[path[-1]] = None
    return path
