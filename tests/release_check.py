"""`python -m tests.release_check`: the client's tests on the oldest and the newest allowed Python.

The parts of Python that affect the client (certificates, proxies, addresses) differ most between
these two. Each gets an environment of its own, installed from the lock files. Exit codes: 0 all
pass, 1 some do not, 2 a Python is missing or the installation failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.program import ROOT

GOOD, BAD, MISSING = 0, 1, 2
LOCKS = ("requirements.lock", "requirements-dev.lock")
CLIENT = ("limits", "transport", "strange_replies", "enterprise_server", "clock", "token")
TESTS = [f"apps/integrations/tests/test_{name}.py" for name in CLIENT]
VERSION = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
WORDS = "Programming Language :: Python :: 3."


def allowed() -> list[str]:
    """The versions that the package names, oldest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    minors = [each.removeprefix(WORDS) for each in project["classifiers"] if WORDS in each]
    return [f"3.{minor}" for minor in sorted(map(int, minors))]


def find(version: str) -> str | None:
    """An interpreter of this version: on the path, or installed by pyenv or uv."""
    return next((each for each in _candidates(version) if _is(each, version)), None)


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    yield from filter(None, [shutil.which(f"python{version}")])
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(each) for each in pyenv.glob(f"versions/{version}.*/bin/python"))
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-project", version]
        yield from subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def _is(python: str, version: str) -> bool:
    done = subprocess.run([python, "-c", VERSION], capture_output=True, text=True)
    return done.stdout.strip() == version


def check(python: str) -> int:
    """Installs everything into a temporary folder, and runs the tests there."""
    with tempfile.TemporaryDirectory() as name:
        own = Path(name) / "bin" / "python"
        locks = [f"--requirement={lock}" for lock in LOCKS]
        install = [str(own), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        for command in ([python, "-m", "venv", name], [*install, "--require-hashes", *locks]):
            if subprocess.run(command, cwd=ROOT).returncode:
                return MISSING
        command = [str(own), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        return BAD if subprocess.run(command, cwd=ROOT).returncode else GOOD


def main() -> int:
    """Reports the result for each of the two Pythons."""
    versions = allowed()
    outcomes = []
    for version in (versions[0], versions[-1]):
        python = find(version)
        sys.stdout.write(f"Python {version}: {python or 'not found on this machine'}\n")
        sys.stdout.flush()
        outcomes.append(check(python) if python else MISSING)
    words = {GOOD: "the client's tests pass", BAD: "they fail", MISSING: "they could not be run"}
    for version, outcome in zip((versions[0], versions[-1]), outcomes, strict=True):
        sys.stdout.write(f"Python {version}: {words[outcome]}.\n")
    return BAD if BAD in outcomes else max(outcomes)


if __name__ == "__main__":
    raise SystemExit(main())
