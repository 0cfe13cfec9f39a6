"""When a change is a change, and what moved it, against plain implementations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.metrics.calculations import changes, moved
from apps.metrics.calculations.moved import Sample

SECONDS = st.integers(0, 2_000_000)
FEW_VALUES = st.integers(0, 5)  # many ties
FEW_EXAMPLES = settings(max_examples=40, deadline=None)
VALUES = st.lists(st.one_of(SECONDS, FEW_VALUES), min_size=1, max_size=60)
STAGES = ("coding_time", "pickup_time", "review_time", "merge_time")


def test_it_works() -> None:
    slow, fast = [3600 * n for n in range(20, 45)], [3600 * n for n in range(5, 30)]
    assert changes.of_durations(fast, slow).direction == "lower"
    assert changes.of_durations(slow, fast).direction == "higher"
    assert changes.of_shares((90, 100), (60, 100)).direction == "higher"
    assert changes.of_counts(40, 80).direction == "lower"


def plain_deviation(now: Sequence[float], before: Sequence[float]) -> float:
    """Compares each value with each, with the textbook's variance for ties."""
    u = sum((x > y) + (x == y) / 2 for x in now for y in before)
    n, m = len(now), len(before)
    whole = n + m
    ties = sum(t**3 - t for t in Counter([*now, *before]).values())
    variance = Fraction(n * m, 12) * (whole + 1 - Fraction(ties, whole * (whole - 1)))
    return (u - n * m / 2) / math.sqrt(variance) if variance else 0.0


@FEW_EXAMPLES
@given(VALUES, VALUES)
def test_ranks_are_those_of_comparing_each_with_each(now: list[int], before: list[int]) -> None:
    found = changes.rank_sum_deviation(np.array(now), np.array(before))
    assert found == pytest.approx(plain_deviation(now, before), abs=1e-9)
    assert found == pytest.approx(-changes.rank_sum_deviation(np.array(before), np.array(now)))


@FEW_EXAMPLES
@given(st.lists(st.tuples(st.one_of(SECONDS, FEW_VALUES), st.booleans(), st.integers(0, 3))))
def test_ranks_of_groups_are_those_of_each(rows: list[tuple[int, bool, int]]) -> None:
    values, is_now, groups = np.array(rows, np.int64).reshape(-1, 3).T
    found = changes.rank_sum_deviations(values, is_now, groups, 5)
    for group in range(5):
        both = [[v for v, now, own in rows if own == group and now == which] for which in (1, 0)]
        expected = plain_deviation(*both) if all(both) else 0
        assert found[group] == pytest.approx(expected, abs=1e-9)


@FEW_EXAMPLES
@given(st.lists(FEW_VALUES, min_size=15, max_size=60), st.lists(FEW_VALUES, min_size=15))
def test_durations_need_both_the_test_and_the_medians(now: list[int], before: list[int]) -> None:
    found = changes.of_durations(now, before)
    if min(len(now), len(before)) < 20:
        assert found.reason == changes.TOO_FEW
        assert not found.is_change
        return
    deviation = plain_deviation(now, before)
    medians = float(np.median(now) - np.median(before))
    is_change = math.erfc(abs(deviation) / math.sqrt(2)) < 0.05 and deviation * medians > 0
    assert found.is_change == is_change
    assert found.direction == (("higher" if medians > 0 else "lower") if is_change else "")


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((20, 20), (20, 20), changes.CHANCE),  # no variance
        ((0, 50), (0, 50), changes.CHANCE),
        ((19, 19), (0, 100), changes.TOO_FEW),
        ((0, 100), (19, 19), changes.TOO_FEW),
        ((20, 20), (0, 20), "higher"),
        ((10, 100), (20, 100), "lower"),  # z = 1.98
        ((11, 100), (20, 100), changes.CHANCE),  # z = 1.75
    ],
)
def test_shares(now: tuple[int, int], before: tuple[int, int], expected: str) -> None:
    found = changes.of_shares(now, before)
    assert expected in (found.direction, found.reason)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (19, 0, changes.TOO_FEW),
        (20, 0, "higher"),
        (0, 20, "lower"),
        (30, 45, changes.CHANCE),  # 15 against 16.97
        (28, 46, "lower"),  # 18 against 16.86
        (8, 1, changes.TOO_FEW),
    ],
)
def test_counts(now: int, before: int, expected: str) -> None:
    found = changes.of_counts(now, before)
    assert expected in (found.direction, found.reason)


@st.composite
def samples(draw: st.DrawFn) -> tuple[Sample, list[int]]:
    """Pull requests whose stages add up to their cycle times, and a group for each."""
    stage = st.one_of(SECONDS, FEW_VALUES)
    rows = draw(st.lists(st.tuples(stage, stage, stage, stage), min_size=1, max_size=40))
    groups = draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    columns = {name: np.array([row[n] for row in rows]) for n, name in enumerate(STAGES)}
    return Sample(np.array([sum(row) for row in rows]), columns), groups


@FEW_EXAMPLES
@given(samples(), samples())
def test_parts_add_up_to_the_second(
    now: tuple[Sample, list[int]], before: tuple[Sample, list[int]]
) -> None:
    (after, groups), (former, former_groups) = now, before
    found = moved.by_stage(after, former)
    assert sum(part.seconds for part in found.stages) == found.seconds
    parts = moved.by_group(after, former, np.array(groups), np.array(former_groups))
    assert sum(part.seconds for part in parts) == found.seconds
    assert {part.key for part in parts} == {*groups, *former_groups}
    named = moved.main_parts(parts, found.seconds)
    assert len(named) <= 3
    if named:
        most = sum(part.seconds for part in named)
        assert abs(most) * 2 > abs(found.seconds)
        assert most * found.seconds > 0


def percentile_95(values: Sequence[int]) -> Fraction:
    ordered = sorted(values)
    place = Fraction(95, 100) * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@FEW_EXAMPLES
@given(samples(), samples())
def test_parts_are_those_of_exact_fractions(
    now: tuple[Sample, list[int]], before: tuple[Sample, list[int]]
) -> None:
    (after, groups), (former, former_groups) = now, before
    cap = percentile_95([*after.cycle_times.tolist(), *former.cycle_times.tolist()])

    def times(sample: Sample, own: Sequence[int], group: int | None = None) -> list[Fraction]:
        pairs = zip(sample.cycle_times.tolist(), own, strict=True)
        return [min(Fraction(v), cap) for v, g in pairs if group in (None, g)]

    def mean(values: list[Fraction]) -> Fraction:
        return sum(values, Fraction(0)) / len(values)

    former_mean = mean(times(former, former_groups))
    for part in moved.by_group(after, former, np.array(groups), np.array(former_groups)):
        own, past = times(after, groups, part.key), times(former, former_groups, part.key)
        present_mean = mean(own or past)
        past_mean = mean(past or own)
        share, past_share = Fraction(len(own), len(groups)), Fraction(len(past), len(former_groups))
        assert abs(part.within - share * (present_mean - past_mean)) <= 2
        assert abs(part.mix - (share - past_share) * (past_mean - former_mean)) <= 2

    def stage(sample: Sample, name: str) -> Fraction:
        pairs = zip(sample.stages[name].tolist(), sample.cycle_times.tolist(), strict=True)
        return mean([Fraction(s) * (min(Fraction(t), cap) / t if t else 1) for s, t in pairs])

    for found in moved.by_stage(after, former).stages:
        assert abs(found.seconds - (stage(after, found.key) - stage(former, found.key))) <= 2


@FEW_EXAMPLES
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_rounded_parts_are_close_to_what_they_were(parts: list[float]) -> None:
    total = round(sum(parts))
    found = moved.rounded(parts, total)
    assert sum(found) == total
    assert all(abs(whole - part) <= 1 + 1e-6 for whole, part in zip(found, parts, strict=True))
