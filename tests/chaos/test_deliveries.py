"""Some hundred deliveries in disorder; `python -m benchmarks.disorder 10000` sends many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.chaos.__main__ import LONGEST, databases, environment
from tests.program import ROOT


def test_none_is_lost_in_disorder_without_a_database_and_with_killed_workers(
    tmp_path: Path,
) -> None:
    with databases("postgresql", tmp_path) as new_database, new_database() as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos.deliveries", "60"],
            cwd=ROOT,
            env=environment(url, tmp_path),
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    assert done.returncode == 0, done.stderr
