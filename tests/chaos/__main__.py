"""`python -m tests.chaos RUNS [FIRST_SEED]`: storms of many seeds, on both databases by turns."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from tests.program import DATABASE, ROOT, clean_environment, postgres_database, prepared

LONGEST = 240  # seconds


@contextmanager
def databases(vendor: str, folder: Path) -> Iterator[Callable[[], AbstractContextManager[str]]]:
    """Creates databases with all tables; migrating once serves all of them."""
    numbers = count()

    @contextmanager
    def copy_of_file() -> Iterator[str]:
        path = folder / f"storm-{next(numbers)}.sqlite3"
        shutil.copy(prepared() / DATABASE, path)
        yield f"sqlite:///{path}"
        path.unlink()

    if vendor == "sqlite":
        yield copy_of_file
    else:
        with postgres_database() as migrated:
            migrate(migrated, folder)
            yield partial(postgres_database, migrated.rpartition("/")[2])


def environment(url: str, folder: Path) -> dict[str, str]:
    return clean_environment(
        DATABASE_URL=url,
        DATA_DIR=str(folder),
        DJANGO_SETTINGS_MODULE="tformance.settings",
        LOG_LEVEL="ERROR",
    )


def migrate(url: str, folder: Path) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=environment(url, folder), check=True, timeout=120)


def run_storm(seed: int, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A storm in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.storm", str(seed)],
        cwd=ROOT,
        env=environment(url, folder),
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


def main() -> int:
    runs, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failed: list[str] = []
    with (
        tempfile.TemporaryDirectory() as name,
        databases("sqlite", Path(name)) as on_sqlite,
        databases("postgresql", Path(name)) as on_postgresql,
    ):
        for seed in range(first, first + runs):
            vendor, new = ("sqlite", on_sqlite) if seed % 2 else ("postgresql", on_postgresql)
            with new() as url:
                done = run_storm(seed, url, Path(name))
            sys.stdout.write(f"{vendor}: {done.stdout or done.stderr}")
            sys.stdout.flush()
            if done.returncode:
                failed.append(str(seed))
    sys.stdout.write(f"{runs} storms; failed: {', '.join(failed) or 'none'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
