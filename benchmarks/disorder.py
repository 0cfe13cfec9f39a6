"""Deliveries in disorder, `python -m benchmarks.disorder COUNT`: shuffled, a tenth of them twice.

Workers are killed with -9 and the database goes away once meanwhile. It prints the result, and
exits with 1 if a row differs from the simulated GitHub or a delivery is not accounted for.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chaos.__main__ import databases, environment
from tests.program import ROOT


def main() -> int:
    """Runs one storm of deliveries on a PostgreSQL database of its own."""
    count = sys.argv[1] if len(sys.argv) > 1 else "10000"
    command = [sys.executable, "-m", "tests.chaos.deliveries", count]
    with (
        tempfile.TemporaryDirectory() as name,
        databases("postgresql", Path(name)) as new,
        new() as url,
    ):
        return subprocess.run(command, cwd=ROOT, env=environment(url, Path(name))).returncode


if __name__ == "__main__":
    raise SystemExit(main())
