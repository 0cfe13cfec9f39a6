"""`python -m benchmarks [NAME…]`: all measures or the named ones, on PostgreSQL.

Each runs in a process of its own, most in a database of its own, and prints its result.
"""

from __future__ import annotations

import json
import os
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
    ("deployments", 1000),
    ("deployments", 20_000),
)
# Each creates the databases and starts the processes that it needs.
PROGRAMS: dict[str, list[tuple[str, ...]]] = {
    "webhooks": [()],
    "freshness": [("50", "20"), ("50", "20", "deployments")],
    "disorder": [("10000",)],
}
NAMES = (*dict.fromkeys(name for name, _ in PLAN), *PROGRAMS, "pages")
COMPANY = os.environ.get("COMPANY") or "1000000"  # pull requests behind the pages


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


def _run(name: str, *given: str, **settings: str) -> None:
    print(f"{name} {' '.join(given)}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *given]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=True)


def main() -> None:
    only = sys.argv[1:] or NAMES
    if unknown := set(only) - set(NAMES):
        sys.exit(f"There is no measure {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    with tempfile.TemporaryDirectory() as name, databases("postgresql", Path(name)) as new:
        for measured, number in PLAN:
            if measured not in only:
                continue
            with new() as one, new() as two:
                found = measure(measured, number, (one, two), Path(name))
            rounded = {key: round(value, 3) for key, value in found.items()}
            print(f"{measured:10} {number:6} {rounded}", flush=True)
        for program, runs in PROGRAMS.items():
            for given in runs if program in only else ():
                _run(program, *given)
        if "pages" in only:
            with new() as url:
                settings = environment(url, Path(name))
                _run("load", COMPANY, **settings)
                _run("pages", **settings)


if __name__ == "__main__":
    main()
