"""Counting rows by groups: exact percentiles, sums and distinct values, each group's at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE

FRACTIONS = (0.5, 0.75, 0.9)
_BITS = 40  # of a value: seconds, or lines; the group stands above them
_VALUE = (1 << _BITS) - 1


@dataclass(frozen=True)
class Spread:
    """How values are spread; no percentiles where there are none. Durations in seconds."""

    count: int = 0
    median: float | None = None
    p75: float | None = None
    p90: float | None = None
    left_out: int = 0


def spreads(values: Array, groups: Array, number: int) -> list[Spread]:
    """Of each group 0, 1, …; values are at least 0, those that are null do not count."""
    there = values != NONE
    ordered = np.sort((groups[there].astype(np.int64) << _BITS) | values[there])
    starts = np.searchsorted(ordered, np.arange(number + 1, dtype=np.int64) << _BITS)
    counts = np.diff(starts)
    median, p75, p90 = (
        _percentiles(ordered & _VALUE, starts[:-1], counts, each) for each in FRACTIONS
    )
    return [
        Spread(int(count), float(median[group]), float(p75[group]), float(p90[group]))
        if count
        else Spread()
        for group, count in enumerate(counts)
    ]


def spread(values: Array) -> Spread:
    """Of all of them."""
    return spreads(values, np.zeros(len(values), np.int64), 1)[0]


def _percentiles(ordered: Array, starts: Array, counts: Array, fraction: float) -> Array:
    """Interpolated linearly between the two nearest, as `percentile_cont`; 0 of an empty group."""
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
    return [int(count) for count in np.bincount(groups, minlength=number)]


def sums(values: Array, groups: Array, number: int) -> list[float]:
    """Of each group; what is null counts as nothing."""
    there = values != NONE
    found = np.bincount(groups[there], weights=values[there], minlength=number)
    return [float(each) for each in found]


def distinct(values: Array, groups: Array, number: int) -> list[int]:
    """How many different values each group has; null is none."""
    there = values != NONE
    kinds, places = np.unique(values[there], return_inverse=True)
    pairs = np.unique(groups[there] * len(kinds) + places)
    return counts(pairs // max(len(kinds), 1), number)


def table(groups: Array, number: int, classes: Array, of_each: int) -> list[list[int]]:
    """How many rows of each group are in which class 0, 1, …; those below 0 in none."""
    there = classes >= 0
    places = groups[there].astype(np.int64) * of_each + classes[there]
    found = np.bincount(places, minlength=number * of_each)
    return [[int(count) for count in row] for row in found.reshape(number, of_each)]


def grouped(*columns: Array) -> tuple[Array, list[tuple[int, ...]]]:
    """Which group each row is in, and the values of the columns in each group."""
    if not len(columns[0]):
        return np.zeros(0, np.int64), []
    kinds = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, places = np.unique(column, return_inverse=True)
        _, kinds = np.unique(kinds * len(values) + places, return_inverse=True)
    _, firsts = np.unique(kinds, return_index=True)
    return kinds, [tuple(int(column[first]) for column in columns) for first in firsts]


def latest(groups: Array, keys: Array, number: int) -> Array:
    """The greatest key of each group."""
    found = np.full(number, NONE, np.int64)
    np.maximum.at(found, groups, keys)
    return found


def bins(values: Array, begins: Sequence[float]) -> Array:
    """Which of the spans that begin there each value lies in: 0, 1, …, -1 before the first."""
    return np.searchsorted(np.array(begins), values, side="right") - 1
