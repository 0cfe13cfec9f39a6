"""Storms of a few seeds; `make chaos RUNS=200` runs many more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import databases, run_storm
from tests.chaos.storm import PLAN


@pytest.mark.parametrize(("vendor", "seed"), PLAN["storms_in_ci"])
def test_in_the_end_everything_is_true(vendor: str, seed: int, tmp_path: Path) -> None:
    with databases(vendor, tmp_path) as new_database, new_database() as url:
        done = run_storm(seed, url, tmp_path)
    assert done.returncode == 0, done.stderr
