"""Counting by group, against the same in a plain way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.figures import counting
from apps.metrics.figures.columns import NONE

SOME = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@pytest.mark.parametrize("rows", [0, 1, 40, 5000])
@given(chance=SOME, groups=st.integers(1, 7))
def test_percentiles_of_small_and_large_groups(
    rows: int, chance: np.random.Generator, groups: int
) -> None:
    """Also of groups without values, and with the same value again and again."""
    values = chance.integers(0, chance.choice([2, 50, 10**8]), rows).astype(np.int32)
    values[chance.random(rows) < 0.2] = NONE
    of_group = chance.choice(chance.integers(0, groups, 3), rows)
    for number, found in enumerate(counting.spreads(values, of_group, groups)):
        own = values[(of_group == number) & (values != NONE)]
        assert found.count == len(own)
        expected = np.percentile(own, [50, 75, 90]).tolist() if len(own) else [None] * 3
        assert [found.median, found.p75, found.p90] == pytest.approx(expected)


@given(
    chance=SOME,
    rows=st.integers(0, 300),
    kinds=st.integers(1, 40),
    bounds=st.sampled_from([(-1, 5), (0, 10**9), (2**31, 2**45), (-(2**62), 2**62)]),
    has_null=st.booleans(),
)
def test_distinct_values(
    chance: np.random.Generator, rows: int, kinds: int, bounds: tuple[int, int], has_null: bool
) -> None:
    """Of few kinds, close together or far apart: classes, keys, accounts, codes of texts."""
    values = chance.choice(chance.integers(*bounds, kinds), rows)
    if has_null:
        values[chance.random(rows) < 0.3] = NONE
    found, places = counting.different(values)
    assert found.tolist() == sorted(set(values.tolist()))
    assert found[places].tolist() == values.tolist()
