"""Keys are rotated by the real command while a sync runs and pages are read: nothing fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import DATABASE, ROOT, clean_environment, postgres_database, prepared

CREDENTIALS = 100


def rotate(folder: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.rotation", str(CREDENTIALS)],
        cwd=ROOT,
        env=clean_environment(
            DATABASE_URL=url,
            DATA_DIR=str(folder),
            DEBUG="1",
            LOG_LEVEL="ERROR",
            DJANGO_SETTINGS_MODULE="tformance.settings",
        ),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["rotated"] >= CREDENTIALS
    assert report["syncs"] >= 1
    assert report["pages"] >= 1


def test_it_works(tmp_path: Path) -> None:
    shutil.copy(prepared() / DATABASE, tmp_path)
    rotate(tmp_path, f"sqlite:///{tmp_path / DATABASE}")


@pytest.mark.services
def test_on_postgresql(tmp_path: Path) -> None:
    with postgres_database() as url:
        rotate(tmp_path, url)
