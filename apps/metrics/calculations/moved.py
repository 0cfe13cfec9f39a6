"""What moved the mean cycle time between two periods: METRICS, *What moved it*.

Durations are capped at the 95th percentile of both periods together, so that the parts of the means
add up exactly. Durations are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CAP = 95
MOST_NAMED = 3
"""Stands for a stage that did not happen, as does any number below 0."""
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Sample:
    """The merged pull requests of a period: cycle times, and each one's stages by name."""

    cycle_times: Array
    stages: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cycle_times)


@dataclass(frozen=True)
class Part(Generic[Key]):
    """What a stage or group contributed, in whole seconds.

    `within` is its own change; `mix` is what its share of the pull requests contributed.
    """

    key: Key
    within: int
    mix: int = 0
    now: int = 0
    before: int = 0

    @property
    def seconds(self) -> int:
        """Both together."""
        return self.within + self.mix


@dataclass(frozen=True)
class Moved:
    """The capped means of both periods in whole seconds, and the difference by stage."""

    mean: int
    former_mean: int
    cap: float
    stages: Sequence[Part[str]] = ()

    @property
    def seconds(self) -> int:
        """By how much the mean changed."""
        return self.mean - self.former_mean


def capped(now: Sample, before: Sample) -> tuple[float, Array, Array]:
    """The cap, and both periods' capped cycle times."""
    cap = float(np.percentile(np.concatenate([now.cycle_times, before.cycle_times]), CAP))
    return cap, np.minimum(now.cycle_times, cap), np.minimum(before.cycle_times, cap)


def by_stage(now: Sample, before: Sample) -> Moved:
    """The difference of the means; each stage is scaled as its cycle time was capped."""
    cap, after, former = capped(now, before)
    means = {
        name: (_stage_mean(now, name, after), _stage_mean(before, name, former))
        for name in now.stages
    }
    mean, former_mean = round(float(after.mean())), round(float(former.mean()))
    parts = rounded([x - y for x, y in means.values()], mean - former_mean)
    return Moved(
        mean,
        former_mean,
        cap,
        [
            Part(name, part, now=round(present), before=round(past))
            for part, (name, (present, past)) in zip(parts, means.items(), strict=True)
        ],
    )


def _stage_mean(sample: Sample, name: str, capped_times: Array) -> float:
    times, stage = sample.cycle_times.astype(float), sample.stages[name].astype(float)
    factors = np.divide(capped_times, times, out=np.ones(len(times)), where=times > 0)
    return float((np.maximum(stage, 0) * factors).mean())


def by_group(now: Sample, before: Sample, groups: Array, former_groups: Array) -> list[Part[int]]:
    """What each group 0, 1, … contributed; groups are parallel to their period's cycle times."""
    _, after, former = capped(now, before)
    present, past = _means(after, groups), _means(former, former_groups)
    mean, former_mean = float(after.mean()), float(former.mean())
    keys = sorted({**past, **present})
    pieces: list[float] = []
    for key in keys:
        share, own = present.get(key, (0.0, past.get(key, (0.0, 0.0))[1]))
        former_share, former_own = past.get(key, (0.0, own))
        pieces += [share * (own - former_own), (share - former_share) * (former_own - former_mean)]
    seconds = rounded(pieces, round(mean) - round(former_mean))
    return [
        Part(
            key,
            seconds[2 * place],
            seconds[2 * place + 1],
            round(present[key][1]) if key in present else 0,
            round(past[key][1]) if key in past else 0,
        )
        for place, key in enumerate(keys)
    ]


def _means(values: Array, groups: Array) -> dict[int, tuple[float, float]]:
    """By non-empty group, its share of the values, and its mean."""
    counts, sums = np.bincount(groups), np.bincount(groups, weights=values)
    return {
        int(key): (float(counts[key] / len(values)), float(sums[key] / counts[key]))
        for key in np.flatnonzero(counts)
    }


def rounded(parts: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to a total: the remainder goes to those rounded off the most."""
    found = [math.floor(part) for part in parts]
    left = total - sum(found)
    order = sorted(range(len(parts)), key=lambda place: found[place] - parts[place])
    each, more = divmod(left, len(parts)) if parts else (0, 0)
    for rank, place in enumerate(order):
        found[place] += each + (rank < more)
    return found


def main_parts(parts: Sequence[Part[Key]], total: int) -> list[Part[Key]]:
    """At most three that make up most of a change; none if three are not enough."""
    if not total:
        return []
    sign = 1 if total > 0 else -1
    same = sorted(
        (part for part in parts if part.seconds * sign > 0), key=lambda part: -abs(part.seconds)
    )
    for count in range(1, min(len(same), MOST_NAMED) + 1):
        if 2 * sum(part.seconds * sign for part in same[:count]) > total * sign:
            return same[:count]
    return []
