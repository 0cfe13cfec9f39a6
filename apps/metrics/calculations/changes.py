"""When two periods differ beyond chance: METRICS, *When a change is a change*."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 0.05
DEVIATIONS = 1.96
FEWEST = 20
_GROUP = 41  # Where the bits of a group begin, above those of a value.

TOO_FEW = "too few to tell"
CHANCE = "no more than chance"
UNKNOWN = "no data for the whole of both periods"
NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Verdict:
    """Whether a figure is `higher` or `lower` than before; else why that cannot be said."""

    direction: str = ""
    reason: str = NOT_TESTED

    @property
    def is_change(self) -> bool:
        """Whether the periods differ beyond chance."""
        return bool(self.direction)


Middle = tuple[int, float | None]
"""The number of durations, and their median; None without durations."""


def of_durations(now: Sequence[float], before: Sequence[float]) -> Verdict:
    """By Mann-Whitney's U, if the medians differ in the same direction."""
    after, former = np.asarray(now), np.asarray(before)
    if min(len(after), len(former)) < FEWEST:
        return Verdict(reason=TOO_FEW)
    deviation = rank_sum_deviation(after, former)
    return of_ranked(_middle(after), _middle(former), deviation)


def _middle(values: NDArray[Any]) -> Middle:
    return len(values), float(np.median(values))


def of_ranked(now: Middle, before: Middle, deviation: float) -> Verdict:
    """The same with a known result of `rank_sum_deviations`."""
    (count, median), (former, former_median) = now, before
    if median is None or former_median is None or min(count, former) < FEWEST:
        return Verdict(reason=TOO_FEW)
    if two_sided(deviation) >= SIGNIFICANT or deviation * (median - former_median) <= 0:
        return Verdict(reason=CHANCE)
    return _directed(deviation)


def of_shares(now: tuple[int, int], before: tuple[int, int]) -> Verdict:
    """By the pooled z-test of two proportions; each is a part and its whole."""
    (part, total), (former_part, former_total) = now, before
    if min(total, former_total) < FEWEST:
        return Verdict(reason=TOO_FEW)
    pooled = (part + former_part) / (total + former_total)
    variance = pooled * (1 - pooled) * (1 / total + 1 / former_total)
    if variance == 0:
        return Verdict(reason=CHANCE)
    deviation = (part / total - former_part / former_total) / math.sqrt(variance)
    return _directed(deviation) if two_sided(deviation) < SIGNIFICANT else Verdict(reason=CHANCE)


def of_counts(now: int, before: int) -> Verdict:
    """Of periods of equal length, as counts of independent events."""
    if now + before < FEWEST:
        return Verdict(reason=TOO_FEW)
    if abs(now - before) <= DEVIATIONS * math.sqrt(now + before):
        return Verdict(reason=CHANCE)
    return _directed(now - before)


def _directed(difference: float) -> Verdict:
    return Verdict("higher" if difference > 0 else "lower", "")


def two_sided(deviation: float) -> float:
    """The probability that chance alone deviates at least this far, in either direction."""
    return math.erfc(abs(deviation) / math.sqrt(2))


def rank_sum_deviation(now: NDArray[Any], before: NDArray[Any]) -> float:
    """Mann-Whitney's U of the first sample, in standard deviations from its mean."""
    values, is_now = np.concatenate([now, before]), np.arange(len(now) + len(before)) < len(now)
    return float(rank_sum_deviations(values, is_now, np.zeros(len(values), np.int64), 1)[0])


def rank_sum_deviations(
    values: NDArray[Any], is_now: NDArray[Any], groups: NDArray[Any], number: int
) -> NDArray[Any]:
    """The same for each group 0, 1, … of durations, which are whole seconds of at least 0.

    It is 0 if all are equal. Equal values share their ranks, and the variance is corrected for
    ties; there is no continuity correction.
    """
    # One number for each: its group, its value, and whether it is of the first sample.
    ordered = np.sort((groups.astype(np.int64) << _GROUP) | (values.astype(np.int64) << 1) | is_now)
    ends = np.searchsorted(ordered, np.arange(number + 1, dtype=np.int64) << _GROUP)
    alike = ordered >> 1
    starts = np.flatnonzero(np.append(True, alike[1:] != alike[:-1])[: len(alike)])
    sizes = np.diff(starts, append=len(ordered))
    own = np.add.reduceat(ordered & 1, starts) if len(starts) else starts
    of_group = ordered[starts] >> _GROUP

    def summed(numbers: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(of_group, weights=numbers, minlength=number)

    total, count = np.diff(ends), summed(own)
    former = total - count
    # Equal values share the mean of their ranks; twice the mean is an integer.
    ranks = summed(own * (2 * (starts - ends[of_group]) + sizes + 1)) / 2
    u = ranks - count * (count + 1) / 2
    ties = summed(sizes.astype(float) ** 3 - sizes) / np.maximum(total * (total - 1), 1)
    variance = count * former / 12 * (total + 1 - ties)
    is_spread = variance > 0
    deviations = np.sqrt(np.where(is_spread, variance, 1))
    return np.where(is_spread, (u - count * former / 2) / deviations, 0.0)
