"""Pull requests of a team, narrowed by conditions: every figure is a mask over these rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from apps.metrics.figures import counting
from apps.metrics.figures.arrays import IN_ORDER, ROW, Array, Arrays, Table
from apps.metrics.models import PullRequest

FEW = 4
"""When at most one row in this many is left, the positions of the rows replace the mask."""
Place = Array | slice
"""Rows of an array: their positions, or a slice."""


class Columns(Protocol):
    """Anything with columns by name."""

    def __getitem__(self, name: str, /) -> Array: ...


class _Narrowed:
    """Some rows of one part of a team's arrays; columns by name.

    While they are many, they are a slice with a mask (`chosen`): testing all rows of a slice is
    faster than gathering some of them.
    """

    def __init__(self, arrays: Arrays, place: Place, chosen: Array | None = None) -> None:
        self.arrays, self.place, self.chosen = arrays, place, chosen

    def __getitem__(self, name: str) -> Array:
        return self.arrays.pull_requests[name][self.place]

    def keep(self, mask: Array) -> _Narrowed:
        """The rows that match the mask."""
        if not isinstance(self.place, slice):
            return _Narrowed(self.arrays, self.place[mask])
        chosen = mask if self.chosen is None else self.chosen & mask
        found = _Narrowed(self.arrays, self.place, chosen)
        return found if np.count_nonzero(chosen) * FEW > len(chosen) else found.picked

    def between(self, name: str, begin: float, end: float) -> _Narrowed:
        """Those with a value from `begin` up to, but not including, `end`."""
        if name == IN_ORDER["pull_requests"] and isinstance(self.place, slice):
            first, last = _span(self[name], begin, end)
            chosen = None if self.chosen is None else self.chosen[first:last]
            start = self.place.start
            return _Narrowed(self.arrays, slice(start + first, start + last), chosen)
        return self.keep((self[name] >= begin) & (self[name] < end))

    @cached_property
    def picked(self) -> _Narrowed:
        """The same rows as positions."""
        if self.chosen is None or not isinstance(self.place, slice):
            return self
        return _Narrowed(self.arrays, np.flatnonzero(self.chosen) + self.place.start)

    @property
    def numbers(self) -> Array:
        """The positions of the rows."""
        place = self.picked.place
        return np.arange(place.start, place.stop) if isinstance(place, slice) else place

    @property
    def flags(self) -> Array:
        """A mask over all rows of the part."""
        found = np.zeros(len(self.arrays), bool)
        found[self.place] = True if self.chosen is None else self.chosen
        return found


def _span(ordered: Array, begin: float, end: float) -> tuple[int, int]:
    """The slice of ascending values from `begin` up to, but not including, `end`."""
    low, high = (_place(ordered, value) for value in (begin, end))
    return low, max(low, high)


def _place(ordered: Array, value: float) -> int:
    if math.isinf(value):
        return 0 if value < 0 else len(ordered)
    # As an integer: a float would convert all values to floats first.
    return int(np.searchsorted(ordered, math.ceil(value)))


Test = Callable[["_Narrowed"], Array]


class _Columns:
    """Columns of several parts, concatenated."""

    def _columns(self, name: str) -> list[Array]:
        raise NotImplementedError

    @cached_property
    def _cache(self) -> dict[str, Array]:
        return {}

    @cached_property
    def _kinds(self) -> dict[str, tuple[Array, Array]]:
        return {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._cache:
            parts = self._columns(name) or [np.zeros(0, np.int64)]
            self._cache[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._cache[name]

    def kinds(self, name: str) -> tuple[Array, Array]:
        """The sorted distinct values of a column, and the position of each row's value."""
        if name not in self._kinds:
            self._kinds[name] = counting.different(self[name])
        return self._kinds[name]


class Rows(_Columns):
    """Pull requests; columns by name, such as `rows["merged_at"]`."""

    def __init__(self, parts: Sequence[_Narrowed]) -> None:
        self.parts = parts

    @classmethod
    def from_parts(cls, parts: Sequence[tuple[Arrays, Array | None]]) -> Rows:
        """All of a team, from arrays with a mask of their current rows, None if all are current."""
        return cls(
            [_Narrowed(arrays, slice(0, len(arrays)), is_current) for arrays, is_current in parts]
        )

    @classmethod
    def openings(cls, parts: Sequence[tuple[Arrays, Array | None]]) -> Rows:
        """Some of a team, among them the first of each repository that is not excluded."""
        return cls([_known(*each, each[0].openings) for each in parts])

    @classmethod
    def last_merges(cls, parts: Sequence[tuple[Arrays, Array | None]]) -> Rows:
        """Some of a team, among them the last few merged in each repository."""
        return cls([_known(*each, each[0].last_merges) for each in parts])

    def __len__(self) -> int:
        return len(self["id"])

    def _columns(self, name: str) -> list[Array]:
        return [part.picked[name] for part in self.parts]

    def keep(self, test: Test) -> Rows:
        """Those that match the test."""
        return Rows([part.keep(test(part)) for part in self.parts])

    def only(self, mask: Array) -> Rows:
        """Those that match the mask, which has an entry for each."""
        picked = [part.picked for part in self.parts]
        masks = np.split(mask, np.cumsum([len(part["id"]) for part in picked])[:-1])
        return Rows([part.keep(own) for part, own in zip(picked, masks, strict=True)])

    @cached_property
    def numbers(self) -> Array:
        """A small number for each, the same as in `Below.pull_requests`."""
        begins = np.cumsum([0, *(len(part.arrays) for part in self.parts)])
        found = [part.numbers + begin for part, begin in zip(self.parts, begins, strict=False)]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def where(self, name: str, *values: int) -> Rows:
        """Those with one of some values."""
        if len(values) == 1:
            return self.keep(lambda part: part[name] == values[0])
        return self.keep(lambda part: np.isin(part[name], values))

    def between(self, name: str, begin: float, end: float) -> Rows:
        """Those with a timestamp from `begin` up to, but not including, `end`."""
        return Rows([part.between(name, begin, end) for part in self.parts])

    def below(self, table: str, begin: float = -math.inf, end: float = math.inf) -> Below:
        """Their children: the rows of another table from `begin` up to, but not at, `end`."""
        return Below([_below(part, table, begin, end) for part in self.parts])

    def labelled(self, *labels: int, column: str = "labels") -> Rows:
        """Those with one of some labels, or texts of another list, by their codes."""

        def has(part: _Narrowed) -> Array:
            known = part.arrays.labels
            return np.isin(part[column], known["labels"][np.isin(known["label"], labels)])

        return self.keep(has)

    def first(self, count: int, *order: Array) -> list[int]:
        """The keys of the first rows in an order given by columns."""
        places = np.arange(len(self))
        if 0 < count < len(places):
            # Only those that can be among them are put in order.
            last = np.partition(order[0], count - 1)[count - 1]
            places = np.flatnonzero(order[0] <= last)
        places = places[np.lexsort([column[places] for column in reversed(order)])][:count]
        found: list[int] = self["id"][places].tolist()
        return found

    def among(self, keys: Array) -> Rows:
        """Those with one of these keys."""
        return self.keep(lambda part: np.isin(part["id"], keys))


class Some(_Columns):
    """Pull requests at given positions, possibly repeated; columns by name."""

    def __init__(self, rows: Columns, places: Place) -> None:
        self.rows, self.places = rows, places

    def __len__(self) -> int:
        return len(self["id"])

    def _columns(self, name: str) -> list[Array]:
        return [self.rows[name][self.places]]


class Below(_Columns):
    """Children of pull requests; `of_pull_request` gives the parents' columns."""

    def __init__(self, parts: Sequence[tuple[Arrays, Table, Array]]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return len(self["id"])

    def _columns(self, name: str) -> list[Array]:
        return [table[name][places] for _, table, places in self.parts]

    @cached_property
    def pull_requests(self) -> Array:
        """A small number, unlike a key, for each row's pull request."""
        begins = np.cumsum([0, *(len(arrays) for arrays, _, _ in self.parts)])
        found = [
            table[ROW][places].astype(np.int64) + begin
            for (_, table, places), begin in zip(self.parts, begins, strict=False)
        ]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def of_pull_request(self, name: str) -> Array:
        """A column of each row's pull request."""
        return np.concatenate(
            [arrays.pull_requests[name][table[ROW][places]] for arrays, table, places in self.parts]
        )

    def keep(self, mask: Array) -> Below:
        """Those that match the test."""
        ends = np.cumsum([len(places) for _, _, places in self.parts])[:-1]
        masks = np.split(mask, ends)
        return Below(
            [
                (arrays, table, places[kept])
                for (arrays, table, places), kept in zip(self.parts, masks, strict=True)
            ]
        )


def _known(arrays: Arrays, is_current: Array | None, places: Array) -> _Narrowed:
    """Positions known for each repository; all of a repository of which one is not current."""
    if is_current is None or (there := is_current[places]).all():
        return _Narrowed(arrays, places)
    repositories = arrays.pull_requests["repository_id"]
    is_changed = np.isin(repositories, repositories[places[~there]])
    of_others = places[~is_changed[places]]
    return _Narrowed(arrays, np.concatenate([of_others, np.flatnonzero(is_changed & is_current)]))


def _below(part: _Narrowed, name: str, begin: float, end: float) -> tuple[Arrays, Table, Array]:
    table: Table = getattr(part.arrays, name)
    first, last = _span(table[IN_ORDER[name]], begin, end)
    places = np.flatnonzero(part.flags[table[ROW][first:last]]) + first
    return part.arrays, table, places


def fetched(keys: Sequence[int], *columns: str) -> list[PullRequest]:
    """Those with these keys from the database, in this order; some of their columns, or all."""
    rows = PullRequest.objects.select_related("repository", "author", "initiator")
    found = rows.only(*columns).in_bulk(keys)
    # One may have been deleted since.
    return [found[key] for key in keys if key in found]
