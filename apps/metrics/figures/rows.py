"""Pull requests of a team, narrowed by conditions: every figure is a mask over these rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from apps.metrics.figures.arrays import ROW, Array, Arrays, Table
from apps.metrics.models import PullRequest

Place = Array | slice
"""Which rows of an array: their places, or all."""


class Columns(Protocol):
    """Whatever has columns by name."""

    def __getitem__(self, name: str, /) -> Array: ...


class _Narrowed:
    """Some rows of one part of a team's arrays; columns by name."""

    def __init__(self, arrays: Arrays, place: Place) -> None:
        self.arrays, self.place = arrays, place

    def __getitem__(self, name: str) -> Array:
        return self.arrays.pull_requests[name][self.place]

    def keep(self, mask: Array) -> _Narrowed:
        """Those of the rows for which it holds."""
        places = np.flatnonzero(mask) if isinstance(self.place, slice) else self.place[mask]
        return _Narrowed(self.arrays, places)


Test = Callable[["_Narrowed"], Array]


class _Columns:
    """Columns of several parts, one below the other."""

    def _columns(self, name: str) -> list[Array]:
        raise NotImplementedError

    @cached_property
    def _found(self) -> dict[str, Array]:
        return {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._found:
            parts = self._columns(name) or [np.zeros(0, np.int64)]
            self._found[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._found[name]


class Rows(_Columns):
    """Pull requests; columns by name, such as `rows["merged_at"]`."""

    def __init__(self, parts: Sequence[_Narrowed]) -> None:
        self.parts = parts

    @classmethod
    def from_parts(cls, parts: Sequence[tuple[Arrays, Array | None]]) -> Rows:
        """All of a team."""
        whole = [(_Narrowed(arrays, slice(None)), stands) for arrays, stands in parts]
        return cls([part if stands is None else part.keep(stands) for part, stands in whole])

    def __len__(self) -> int:
        return len(self["id"])

    def _columns(self, name: str) -> list[Array]:
        return [part[name] for part in self.parts]

    def keep(self, test: Test) -> Rows:
        """Those for which it holds."""
        return Rows([part.keep(test(part)) for part in self.parts])

    def where(self, name: str, *values: int) -> Rows:
        """Those with one of some values."""
        if len(values) == 1:
            return self.keep(lambda part: part[name] == values[0])
        return self.keep(lambda part: np.isin(part[name], values))

    def between(self, name: str, begin: float, end: float) -> Rows:
        """Those with an instant from `begin` on and before `end`."""
        return self.keep(lambda part: (part[name] >= begin) & (part[name] < end))

    def below(self, table: str, test: Callable[[Table], Array] | None = None) -> Below:
        """What belongs to them: the rows of another table for which a test holds."""
        return Below([_below(part, table, test) for part in self.parts])

    def labelled(self, *labels: int, column: str = "labels") -> Rows:
        """Those with one of some labels, or of the texts in another list, by their codes."""

        def has(part: _Narrowed) -> Array:
            known = part.arrays.labels
            return np.isin(part[column], known["labels"][np.isin(known["label"], labels)])

        return self.keep(has)

    def first(self, count: int, *order: Array) -> list[int]:
        """The keys of the first of them in an order: what goes first decides."""
        places = np.lexsort(tuple(reversed(order)))[:count]
        found: list[int] = self["id"][places].tolist()
        return found

    def among(self, keys: Array) -> Rows:
        """Those with one of these keys."""
        return self.keep(lambda part: np.isin(part["id"], keys))


class Some:
    """Pull requests at some places of others, once or several times; columns by name."""

    def __init__(self, rows: Rows, places: Array) -> None:
        self.rows, self.places = rows, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, name: str) -> Array:
        return self.rows[name][self.places]


class Below(_Columns):
    """What belongs to pull requests; `of_pull_request` has these."""

    def __init__(self, parts: Sequence[tuple[Arrays, Table, Array]]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return len(self["id"])

    def _columns(self, name: str) -> list[Array]:
        return [table[name][places] for _, table, places in self.parts]

    def of_pull_request(self, name: str) -> Array:
        """A column of the pull request that each row belongs to."""
        return np.concatenate(
            [arrays.pull_requests[name][table[ROW][places]] for arrays, table, places in self.parts]
        )

    def keep(self, mask: Array) -> Below:
        """Those for which it holds."""
        ends = np.cumsum([len(places) for _, _, places in self.parts])[:-1]
        masks = np.split(mask, ends)
        return Below(
            [
                (arrays, table, places[kept])
                for (arrays, table, places), kept in zip(self.parts, masks, strict=True)
            ]
        )


def _below(
    part: _Narrowed, name: str, test: Callable[[Table], Array] | None
) -> tuple[Arrays, Table, Array]:
    table: Table = getattr(part.arrays, name)
    is_there = np.zeros(len(part.arrays), bool)
    is_there[part.place] = True
    if test is None:
        return part.arrays, table, np.flatnonzero(is_there[table[ROW]])
    places = np.flatnonzero(test(table))
    return part.arrays, table, places[is_there[table[ROW][places]]]


def fetched(keys: Sequence[int]) -> list[PullRequest]:
    """The pull requests with these keys from the database, in this order."""
    found = PullRequest.objects.select_related("repository", "author", "initiator").in_bulk(keys)
    # One may be gone since.
    return [found[key] for key in keys if key in found]
