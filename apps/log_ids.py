"""The context of a log line: its request, task or sync."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_ids: ContextVar[Mapping[str, str | int]] = ContextVar("log_ids", default=MappingProxyType({}))


def current() -> Mapping[str, str | int]:
    """The ids in effect now."""
    return _ids.get()


@contextmanager
def belongs_to(**ids: str | int | None) -> Iterator[None]:
    """Adds ids to every line logged within the block; an id that is None is left out."""
    known = {name: value for name, value in ids.items() if value is not None}
    token = _ids.set({**_ids.get(), **known})
    try:
        yield
    finally:
        _ids.reset(token)
