"""PURE: decodes a response leaf by leaf: unreadable leaves are missing, and the rest stays.

An unreadable required field removes its record, as in GraphQL itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from apps.integrations.github.errors import UnavailableError
from apps.integrations.github.records import Path

T = TypeVar("T")

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<nul>u0000)|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRANGE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_INSTANTS = ("At", "Date", "_at")  # ends of names: in GraphQL, and in REST
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding can raise, of whatever bytes."""

# A time zone offset can move these out of the range of years that Python supports.
_EDGE = re.compile(rb'"(?:9999-12-31|0001-01-01)T')


def tidied(body: bytes) -> bytes:
    """A body whose texts can be decoded and stored; GitHub's may hold any bytes.

    NUL is removed; lone surrogates and invalid UTF-8 become U+FFFD.
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


def whole(body: bytes, kind: Any = Any) -> Any:
    """A body as `kind`, all of it. Raises UnavailableError."""
    try:
        return msgspec.json.decode(tidied(body), type=kind)
    except UNREADABLE:
        raise UnavailableError(
            "GitHub's response was cut off, or came from something else."
        ) from None


def read(data: Raw | bytes, kind: type[Any]) -> tuple[Any, list[Path]]:
    """Data as `kind`, and the paths that could not be read; a BigInt text becomes a number.

    Raises UnavailableError if nothing is left.
    """
    text = bytes(data)
    if not _EDGE.search(text):
        try:
            return msgspec.json.decode(text, type=kind, strict=False), []
        except UNREADABLE:
            pass  # Slower code below finds what is wrong.
    try:
        return _mended(_tree(text), kind)
    except RecursionError as error:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None


def decode(data: Raw | bytes, kind: type[Any]) -> Any:
    """Data as `kind`, where the caller does not need the unreadable paths."""
    return read(data, kind)[0]


def of_rest(data: object, kind: type[T]) -> T:
    """The parsed body of a REST response as `kind`, leaf by leaf. Raises UnavailableError."""
    found: T = decode(msgspec.json.encode(data), kind)
    return found


def _tree(text: bytes) -> Any:
    try:
        return json.loads(text, parse_int=_integer, parse_constant=lambda _: None)
    except ValueError as error:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None


def _integer(digits: str) -> int | None:
    # Longer ones are no id or count of GitHub's.
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
    """Times outside Python's range of years in UTC."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _beyond_the_calendar(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _beyond_the_calendar(value, (*path, index))
    elif isinstance(tree, str) and path and str(path[-1]).endswith(_INSTANTS):
        try:
            datetime.fromisoformat(tree).astimezone(UTC)
        except OverflowError:
            yield path
        except ValueError:
            pass  # It is reported when the record is decoded.


def _path(error: msgspec.ValidationError) -> Path:
    _, separator, place = str(error).rpartition(" - at `$")
    if not separator:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None
    return tuple(name or int(index) for name, index in _STEP.findall(place))


def _drop(tree: Any, path: Path) -> Path:
    """Sets a value to null; removes a null, so that the record's default applies.

    A list that may hold no null is removed as a whole.
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
