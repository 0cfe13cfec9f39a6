"""Someone at a terminal of a fresh machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from github_simulator.testing import Running
from tests.program import COMMAND, clean_environment


class Terminal:
    """An empty data folder and a token for a simulated GitHub."""

    def __init__(self, github: Running, folder: Path) -> None:
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
