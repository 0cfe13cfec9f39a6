"""Counts rows by group: exact percentiles, sums and distinct values, for all groups at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE

FRACTIONS = (0.5, 0.75, 0.9)
_BITS = 40  # of a value: seconds, or lines; the group is in the bits above
_VALUE = (1 << _BITS) - 1
_LARGE = 200  # rows of a group
_SLOTS = 4_194_301  # prime, so that keys of some thousand people or repositories rarely collide
_WORTH_SLOTS = 20_000  # rows


class Spread(NamedTuple):
    """The distribution of values; no percentiles without values. Durations in seconds."""

    count: int = 0  # type: ignore[assignment]
    median: float | None = None
    p75: float | None = None
    p90: float | None = None
    left_out: int = 0


def spreads(values: Array, groups: Array, number: int) -> list[Spread]:
    """Of each group 0, 1, …; nulls do not count."""
    there = values != NONE
    values, groups = values[there], groups[there]
    if len(values) > _LARGE * number:
        return _of_large_groups(values, groups, number)
    ordered = np.sort((groups.astype(np.int64) << _BITS) | values)
    starts = np.searchsorted(ordered, np.arange(number + 1, dtype=np.int64) << _BITS)
    return _between(ordered & _VALUE, starts)


def _of_large_groups(values: Array, groups: Array, number: int) -> list[Spread]:
    """The same without sorting each group."""
    places, starts = by_group(groups, number)
    found = values[places].copy()
    for begin, end in pairwise(starts.tolist()):
        if begin < end:
            low = [int(fraction * (end - begin - 1)) for fraction in FRACTIONS]
            high = [min(place + 1, end - begin - 1) for place in low]
            found[begin:end].partition(low + high)
    return _between(found, starts)


def _between(ordered: Array, starts: Array) -> list[Spread]:
    counts = np.diff(starts)
    percentiles = (_percentiles(ordered, starts[:-1], counts, each) for each in FRACTIONS)
    found = zip(counts.tolist(), *(each.tolist() for each in percentiles), strict=True)
    return [Spread(*each) if each[0] else Spread() for each in found]


def by_group(groups: Array, number: int) -> tuple[Array | slice, Array]:
    """The rows grouped: their positions, and the bounds of each group."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=number))])
    if (groups[1:] >= groups[:-1]).all():
        return slice(None), starts
    # Two-byte numbers are radix-sorted, without comparisons.
    small = groups.astype(np.int16) if number < 2**15 else groups
    return np.argsort(small, kind="stable"), starts


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
    """Of each group; nulls count as nothing."""
    there = values != NONE
    found = np.bincount(groups[there], weights=values[there], minlength=number)
    return [float(each) for each in found.tolist()]


def number(values: Array) -> int:
    """How many different ones there are."""
    return len(different(values)[0])


def distinct(values: Array, groups: Array, number: int) -> list[int]:
    """How many different values each group has; null is none."""
    there = values != NONE
    values, groups = values[there], groups[there]
    kinds, places = different(values)
    pairs = groups.astype(np.int64) * len(kinds) + places
    if len(kinds) * number <= max(_SLOTS, len(pairs)):
        has = np.zeros(len(kinds) * number, bool)
        has[pairs] = True
        return [int(count) for count in has.reshape(number, len(kinds)).sum(axis=1)]
    ordered = np.sort(pairs)
    is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    return counts(ordered[is_first] // len(kinds), number)


def table(groups: Array, number: int, classes: Array, of_each: int) -> list[list[int]]:
    """How many rows of each group are in class 0, 1, …; negative classes count nowhere."""
    there = classes >= 0
    places = groups[there].astype(np.int64) * of_each + classes[there]
    found = np.bincount(places, minlength=number * of_each)
    rows: list[list[int]] = found.reshape(number, of_each).tolist()
    return rows


def grouped(*columns: Array) -> tuple[Array, list[tuple[int, ...]]]:
    """The group of each row, and each group's values of the columns."""
    if not len(columns[0]):
        return np.zeros(0, np.int64), []
    groups, of_groups = np.zeros(len(columns[0]), np.int64), list[Array]()
    for column in columns:
        values, places = different(column)
        kept, groups = different(groups * len(values) + places)
        of_groups = [each[kept // len(values)] for each in of_groups]
        of_groups.append(values[kept % len(values)])
    return groups, list(zip(*(each.tolist() for each in of_groups), strict=True))


def different(values: Array) -> tuple[Array, Array]:
    """The sorted distinct values, and the position of each row's value among them.

    Each value has a slot of its own, unless two collide; without a collision nothing is sorted.
    """
    if len(values) < _WORTH_SLOTS:
        return np.unique(values, return_inverse=True)
    is_small = values.min() >= 0 and values.max() < _SLOTS
    slots = values if is_small else values % _SLOTS
    owners, is_used = np.zeros(_SLOTS, np.int64), np.zeros(_SLOTS, bool)
    owners[slots], is_used[slots] = values, True
    if not is_small and (owners[slots] != values).any():
        return np.unique(values, return_inverse=True)
    used = np.flatnonzero(is_used)
    used = used[np.argsort(owners[used])]
    places = np.empty(_SLOTS, np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    return owners[used], places[slots]


def among(values: Array, lines: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """The places of the values that some line has, and which line that is: maybe several."""
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
