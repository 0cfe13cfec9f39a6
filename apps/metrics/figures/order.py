"""Rows sorted by a column, at any depth: those without a value last, ties by key.

Only the requested rows are sorted; the others are partitioned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE
from apps.metrics.figures.rows import Rows

_LAST = 1 << 62
Entry = tuple[int, int | None]
"""A row's key, and its value in the column."""


@dataclass(frozen=True)
class Ordered:
    """`keys` and `ties` ascend in the order of the list."""

    ids: Array
    values: Array
    keys: Array
    ties: Array
    is_descending: bool

    @classmethod
    def by(cls, rows: Rows, name: str, *, is_descending: bool = False) -> Ordered:
        """Sorted by a column."""
        ids, values = rows["id"], rows[name].astype(np.int64)
        sign = -1 if is_descending else 1
        keys = np.where(values == NONE, _LAST, sign * values)
        return cls(ids, values, keys, sign * ids, is_descending)

    def first(self, count: int) -> list[Entry]:
        """The first of them."""
        places = np.arange(len(self.keys))
        if len(places) > count:
            places = _before_the_rest(self.keys, self.ties, count)
        in_order = places[np.lexsort((self.ties[places], self.keys[places]))][:count]
        return [self._entry(place) for place in in_order.tolist()]

    def beyond(self, entry: Entry, count: int, *, is_back: bool = False) -> list[Entry]:
        """The rows next to a position, even if its row is gone; with `is_back` those before."""
        key, tie = self._place(entry)
        turned = self if not is_back else self._turned()
        key, tie = (-key, -tie) if is_back else (key, tie)
        later = (turned.keys > key) | ((turned.keys == key) & (turned.ties > tie))
        found = turned._at(np.flatnonzero(later)).first(count)
        return found[::-1] if is_back else found

    def count_before(self, entry: Entry) -> int:
        """The number of rows before a position."""
        key, tie = self._place(entry)
        earlier = (self.keys < key) | ((self.keys == key) & (self.ties < tie))
        return int(np.count_nonzero(earlier))

    def all_ids(self) -> list[int]:
        """The keys of all rows."""
        found: list[int] = self.ids[np.lexsort((self.ties, self.keys))].tolist()
        return found

    def _entry(self, place: int) -> Entry:
        value = int(self.values[place])
        return int(self.ids[place]), None if value == NONE else value

    def _place(self, entry: Entry) -> tuple[int, int]:
        pk, value = entry
        sign = -1 if self.is_descending else 1
        return (_LAST if value is None else sign * value), sign * pk

    def _turned(self) -> Ordered:
        return Ordered(self.ids, self.values, -self.keys, -self.ties, not self.is_descending)

    def _at(self, places: Array) -> Ordered:
        ids, values, keys, ties = (
            column[places] for column in (self.ids, self.values, self.keys, self.ties)
        )
        return Ordered(ids, values, keys, ties, self.is_descending)


def _before_the_rest(keys: Array, ties: Array, count: int) -> Array:
    """The positions of the first of many; among equal keys, which may be many, by their ties."""
    edge = np.partition(keys, count - 1)[count - 1]
    before, equal = np.flatnonzero(keys < edge), np.flatnonzero(keys == edge)
    if len(equal) > count:
        equal = equal[np.argpartition(ties[equal], count - 1)[:count]]
    return np.concatenate([before, equal])
