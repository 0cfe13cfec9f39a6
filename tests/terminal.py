"""A user at a terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from github_simulator.testing import Running
from tests.program import COMMAND, DATABASE, clean_environment, prepared


class Terminal:
    """A data folder, empty or not there yet, and a token for a simulated GitHub."""

    def __init__(self, github: Running, folder: Path, *, is_new: bool = False) -> None:
        if not is_new:
            folder.mkdir(exist_ok=True)
            shutil.copy(prepared() / DATABASE, folder)
        self.settings = {
            "GITHUB_URL": github.url,
            "GITHUB_TOKEN": github.token,
            "DATA_DIR": str(folder),
        }

    def run(
        self, *arguments: str, largest_file: int | None = None, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs `tformance` to its end; no file may grow beyond `largest_file` KiB."""
        limit = f"ulimit -f {2 * largest_file};" if largest_file else ""
        return subprocess.run(
            ["bash", "-c", f'{limit} exec "$0" "$@"', COMMAND, *arguments],
            env=clean_environment(**{**self.settings, **settings}),
            capture_output=True,
            text=True,
            timeout=240,
        )

    def rows(self, what: str) -> list[dict[str, Any]]:
        """What `tformance export` writes."""
        done = self.run("export", what)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
