"""Runs every measure on PostgreSQL, each in a process of its own, and prints a table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.chaos.__main__ import databases, environment
from tests.program import ROOT

PLAN = (
    ("backfill", 250),
    ("backfill", 1000),
    ("delta", 500),
    ("no_change", 1000),
    ("own_time", 1000),
    ("growth", 1000),
    ("growth", 10000),
    ("growth", 100_000),
)


def measure(name: str, number: int, urls: tuple[str, str], folder: Path) -> dict[str, Any]:
    settings = {**environment(urls[0], folder), "SECOND_DATABASE_URL": urls[1]}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measures", name, str(number)],
        cwd=ROOT,
        env=settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name, databases("postgresql", Path(name)) as new:
        for measured, number in PLAN:
            if only and measured not in only:
                continue
            with new() as one, new() as two:
                found = measure(measured, number, (one, two), Path(name))
            rounded = {key: round(value, 3) for key, value in found.items()}
            print(f"{measured:10} {number:6} {rounded}", flush=True)


if __name__ == "__main__":
    main()
