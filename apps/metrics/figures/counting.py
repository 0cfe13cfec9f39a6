"""Counts rows by group: exact percentiles, sums and distinct values, for all groups at once.

NumPy sorts integers much faster than it looks them up or sorts their positions, so a group and a
value are packed into one integer, and these are sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE

FRACTIONS = (0.5, 0.75, 0.9)
_BITS = 40  # of a value: seconds, lines, or a key; the group is in the bits above
_PART = 1 << 16  # rows
_VALUE = (1 << _BITS) - 1


class Spread(NamedTuple):
    """The distribution of values; no percentiles without values. Durations in seconds."""

    count: int = 0  # type: ignore[assignment]
    median: float | None = None
    p75: float | None = None
    p90: float | None = None
    left_out: int = 0


def spreads(values: Array, groups: Array, number: int) -> list[Spread]:
    """Of each group 0, 1, …; nulls do not count."""
    ordered = _in_groups(values, groups)
    starts = np.searchsorted(ordered, np.arange(number + 1, dtype=np.int64) << _BITS)
    counts = np.diff(starts)
    ordered &= _VALUE
    percentiles = (_percentiles(ordered, starts[:-1], counts, each) for each in FRACTIONS)
    found = zip(counts.tolist(), *(each.tolist() for each in percentiles), strict=True)
    return [Spread(*each) if each[0] else Spread() for each in found]


def _in_groups(values: Array, groups: Array) -> Array:
    """The sorted values with their groups in the upper bits, without nulls."""
    there = values != NONE
    ordered: Array = np.left_shift(groups[there], _BITS, dtype=np.int64)
    ordered |= values[there]
    ordered.sort()
    return ordered


def spread(values: Array) -> Spread:
    """Of all values together."""
    return spreads(values, np.zeros(len(values), np.int64), 1)[0]


def _percentiles(ordered: Array, starts: Array, counts: Array, fraction: float) -> Array:
    """Interpolated linearly between the two nearest, like `percentile_cont`; 0 if empty."""
    places = fraction * np.maximum(counts - 1, 0)
    below = places.astype(np.int64)
    if not len(ordered):
        return np.zeros(len(counts))
    last = len(ordered) - 1
    low = ordered[np.minimum(starts + below, last)]
    high = ordered[np.minimum(starts + np.minimum(below + 1, np.maximum(counts - 1, 0)), last)]
    return np.asarray(low + (places - below) * (high - low))


def counts(groups: Array, number: int) -> list[int]:
    """How many rows each group has."""
    found: list[int] = np.bincount(groups, minlength=number).tolist()
    return found


def sums(values: Array, groups: Array, number: int) -> list[float]:
    """Of each group, for values of at least 0; nulls count as nothing."""
    found = np.bincount(groups, weights=np.maximum(values, 0), minlength=number)
    return [float(each) for each in found.tolist()]


def number(values: Array) -> int:
    """How many different ones there are."""
    return len(_firsts(np.sort(values)))


def distinct(values: Array, groups: Array, number: int) -> list[int]:
    """How many different values each group has; null is none."""
    ordered = _in_groups(values, groups)
    return counts(ordered[_firsts(ordered)] >> _BITS, number)


def _firsts(ordered: Array) -> Array:
    """The position of the first of each run of equal values."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])


def table(groups: Array, number: int, classes: Array, of_each: int) -> list[list[int]]:
    """How many rows of each group are in class 0, 1, …; negative classes count nowhere."""
    there = classes >= 0
    places = groups[there].astype(np.int64) * of_each + classes[there]
    found = np.bincount(places, minlength=number * of_each)
    rows: list[list[int]] = found.reshape(number, of_each).tolist()
    return rows


def grouped(*columns: Array) -> tuple[Array, list[tuple[int, ...]]]:
    """The group of each row, and each group's values of the columns."""
    values, groups = different(columns[0])
    of_groups = [values]
    for column in columns[1:]:
        values, places = different(column)
        kept, groups = different(groups * len(values) + places)
        of_groups = [each[kept // len(values)] for each in of_groups]
        of_groups.append(values[kept % len(values)])
    return groups, list(zip(*(each.tolist() for each in of_groups), strict=True))


def different(values: Array) -> tuple[Array, Array]:
    """The sorted distinct values, and the position of each row's value among them."""
    # In parts that fit into the processor's cache: millions of rows have few distinct values.
    begins = range(0, max(len(values), 1), _PART)
    parts = [np.unique(values[begin : begin + _PART], return_inverse=True) for begin in begins]
    kinds = np.unique(np.concatenate([own for own, _ in parts]))
    return kinds, np.concatenate([np.searchsorted(kinds, own)[places] for own, places in parts])


def among(values: Array, lines: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """The positions of the values that a line has, and that line; maybe several for a value."""
    own = np.array([value for line in lines for value in line], np.int64)
    which = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    order = np.argsort(own, kind="stable")
    kinds, kind_of = different(values)
    first = np.searchsorted(own[order], kinds)
    often = np.searchsorted(own[order], kinds, "right") - first
    count = often[kind_of]
    places = np.repeat(np.arange(len(values)), count)
    nth = np.arange(len(places)) - np.repeat(np.cumsum(count) - count, count)
    return places, which[order][np.repeat(first[kind_of], count) + nth]


def latest(groups: Array, keys: Array, number: int) -> Array:
    """The greatest key of each group."""
    found = np.full(number, NONE, np.int64)
    np.maximum.at(found, groups, keys)
    return found


def bins(values: Array, begins: Sequence[float]) -> Array:
    """The span that each value lies in, by lower bounds: 0, 1, …, -1 before the first."""
    return np.searchsorted(np.array(begins), values, side="right") - 1
