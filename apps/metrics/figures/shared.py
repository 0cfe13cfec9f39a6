"""Figures that all readers of a process share, counted once for each version of the data.

Where hundreds of people read pages of data that changes every second, each change makes every page
new: the first request counts, and the others, also those that come meanwhile, get the same result.
Results are small; they are kept with the arrays they were counted from, and forgotten with them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from apps.metrics.figures.current import Current, current, once
from apps.metrics.filters.chosen import Filters
from apps.teams.models import Team

KEPT = 64
"""Results of one state of a team's data."""

_version: ContextVar[str] = ContextVar("version", default="")
Found = TypeVar("Found")
More = ParamSpec("More")


class Results:
    """Results by question, the first one dropped first."""

    def __init__(self) -> None:
        self._found = OrderedDict[Hashable, Future[Any]]()
        self._lock = threading.Lock()

    def get(self, question: Hashable, find: Callable[[], Found]) -> Found:
        """The result, which one thread finds while others wait; raises what `find` raises."""
        with self._lock:
            known = self._found.get(question)
            if known is None:
                mine = self._found[question] = Future[Any]()
                if len(self._found) > KEPT:
                    self._found.popitem(last=False)
        found: Found
        if known is not None:
            found = known.result()
            return found
        try:
            found = find()
        except BaseException as error:
            with self._lock:
                self._found.pop(question, None)
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found


_results = WeakKeyDictionary[Current, Results]()
_adding = threading.Lock()


@contextmanager
def same_for_all(version: str) -> Iterator[None]:
    """Results within it are shared by all readers of this version, as of `current_version`."""
    token = _version.set(version)
    try:
        yield
    finally:
        _version.reset(token)


def shared(
    count: Callable[Concatenate[Team, Filters, More], Found],
) -> Callable[Concatenate[Team, Filters, More], Found]:
    """Counts once for all readers what depends on the data and the arguments, not on the reader.

    Outside of `same_for_all` it is the same only within `one_state`. A result is not to be changed.
    """

    @wraps(count)
    def counted(team: Team, filters: Filters, /, *more: More.args, **named: More.kwargs) -> Found:
        def find() -> Found:
            return count(team, filters, *more, **named)

        version = _version.get()
        name, asked = f"{count.__module__}.{count.__qualname__}", (*more, *sorted(named.items()))
        question = (name, team.pk, str(filters), version, asked)
        if not version:
            return once(question, find)
        state = current(team)
        with _adding:
            results = _results.setdefault(state, Results())
        return results.get(question, find)

    return counted
