"""`make audit` with stand-ins for the services: how it handles their answers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import ROOT

FINE = '{"dependencies": [{"name": "django", "version": "5.2", "vulns": []}]}'
WEAK = FINE.replace("[]", '[{"id": "GHSA-1", "fix_versions": ["5.2.1"]}]')
SKIPPED = '{"dependencies": [{"name": "django", "skip_reason": "not found"}]}'
NPM_FINE = '{"vulnerabilities": {}, "metadata": {"dependencies": {"total": 9}}}'
NPM_DOWN = '{"message": "405 Method Not Allowed"}'


def audit(folder: Path, pip_says: str, npm_says: str) -> subprocess.CompletedProcess[str]:
    """The command with stand-in programs that print this."""
    for name, says in (("pip-audit", pip_says), ("npm", npm_says)):
        script = folder / name
        script.write_text(f"#!/bin/sh\ncat <<'E'\n{says}\nE\n")
        script.chmod(stat.S_IRWXU)
    (folder / "python").symlink_to(sys.executable)
    # It uses the program next to Python, hence a Python of the test's own.
    code = f"import sys; sys.executable = {str(folder / 'python')!r}; import runpy; "
    code += "runpy.run_module('tests.advisories', run_name='__main__')"
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


def test_it_works(tmp_path: Path) -> None:
    done = audit(tmp_path, FINE, NPM_FINE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 packages of Python: nothing known." in done.stdout


@pytest.mark.parametrize(
    ("pip_says", "npm_says", "code", "told"),
    [
        (WEAK, NPM_FINE, 1, "GHSA-1, mended in 5.2.1"),
        (WEAK, NPM_DOWN, 1, "GHSA-1"),
        (SKIPPED, NPM_FINE, 2, "could not be asked"),
        (FINE, NPM_DOWN, 2, "405 Method Not Allowed"),
        ("", "", 2, "Run it where the internet can be reached"),
    ],
)
def test_what_it_says(tmp_path: Path, pip_says: str, npm_says: str, code: int, told: str) -> None:
    done = audit(tmp_path, pip_says, npm_says)
    assert done.returncode == code, done.stderr
    assert told in done.stdout
