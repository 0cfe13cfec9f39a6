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


def of_durations(now: Sequence[float], before: Sequence[float]) -> Verdict:
    """By Mann-Whitney's U, if the medians differ in the same direction."""
    after, former = np.asarray(now, float), np.asarray(before, float)
    if min(len(after), len(former)) < FEWEST:
        return Verdict(reason=TOO_FEW)
    deviation = rank_sum_deviation(after, former)
    medians = float(np.median(after) - np.median(former))
    if two_sided(deviation) >= SIGNIFICANT or deviation * medians <= 0:
        return Verdict(reason=CHANCE)
    return _directed(deviation)


def of_shares(now: tuple[int, int], before: tuple[int, int]) -> Verdict:
    """By the pooled z-test of two proportions; each is a part and its whole."""
    (part, whole), (former_part, former_whole) = now, before
    if min(whole, former_whole) < FEWEST:
        return Verdict(reason=TOO_FEW)
    pooled = (part + former_part) / (whole + former_whole)
    variance = pooled * (1 - pooled) * (1 / whole + 1 / former_whole)
    if variance == 0:
        return Verdict(reason=CHANCE)
    deviation = (part / whole - former_part / former_whole) / math.sqrt(variance)
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
    """Mann-Whitney's U of the first sample, in standard deviations from its mean.

    It is 0 if all are equal. Equal values share their ranks, and the variance is corrected for
    ties; there is no continuity correction.
    """
    count, former = len(now), len(before)
    ordered, own = np.sort(np.concatenate([now, before])), np.sort(now)
    # Equal values share the average of their first and last rank.
    places = np.searchsorted(ordered, own) + np.searchsorted(ordered, own, side="right")
    lasts = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    sizes = np.diff(lasts, prepend=-1)
    whole = count + former
    u = float((places + 1).sum()) / 2 - count * (count + 1) / 2
    ties = float((sizes.astype(float) ** 3 - sizes).sum()) / (whole * (whole - 1))
    variance = count * former / 12 * (whole + 1 - ties)
    return (u - count * former / 2) / math.sqrt(variance) if variance > 0 else 0.0
