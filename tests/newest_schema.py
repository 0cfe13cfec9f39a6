"""`python -m tests.newest_schema`: checks our GitHub queries against its newest schema.

Exit codes: 0 GitHub understands every document, 1 it does not, 2 the schema was not available.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.program import ROOT

PACKAGE = "@octokit/graphql-schema"
CHECKS = "github_understands or will_take_away or would_be_noticed"


def main() -> int:
    """Installs it separately, and runs the contract tests against it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        npm = os.environ.get("NPM", "npm").split()
        done = subprocess.run(
            [*npm, "install", "--prefix", name, "--no-save", "--silent", f"{PACKAGE}@latest"],
            capture_output=True,
            text=True,
        )
        package = folder / "node_modules" / PACKAGE
        if done.returncode:
            sys.stderr.write(f"{PACKAGE} could not be had from npm's registry.\n{done.stderr}")
            return 2
        newest = json.loads((package / "package.json").read_text())["version"]
        pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"][PACKAGE]
        sys.stdout.write(f"{PACKAGE} {newest}; the tests are pinned to {pinned}.\n")
        environment = {**os.environ, "GITHUB_SCHEMA": str(package / "schema.graphql")}
        command = [sys.executable, "-m", "pytest", "tests/test_contract.py", "-q", "-k", CHECKS]
        return subprocess.run(command, cwd=ROOT, env=environment).returncode and 1


if __name__ == "__main__":
    raise SystemExit(main())
