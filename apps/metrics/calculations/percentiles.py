"""Percentiles."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Interpolated linearly between the two nearest values, like `percentile_cont`."""
    place = fraction * (len(ordered) - 1)
    below = int(place)
    if below + 1 >= len(ordered):
        return float(ordered[-1])
    low, high = ordered[below], ordered[below + 1]
    return float(low + (place - below) * (high - low))
