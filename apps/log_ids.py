"""What a line of the log belongs to: a request, a task, a sync."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_ids: ContextVar[Mapping[str, str | int]] = ContextVar("log_ids", default=MappingProxyType({}))


def current() -> Mapping[str, str | int]:
    """The ids that hold now."""
    return _ids.get()


@contextmanager
def belongs_to(**ids: str | int | None) -> Iterator[None]:
    """Adds ids to every line that is written within the block; None adds nothing."""
    known = {name: value for name, value in ids.items() if value is not None}
    token = _ids.set({**_ids.get(), **known})
    try:
        yield
    finally:
        _ids.reset(token)
