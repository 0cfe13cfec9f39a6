"""`python -m tests.advisories`: known vulnerabilities of everything in the lock files.

It queries PyPI's advisories by pip-audit and npm's by `npm audit`, so it needs the internet. Exit
codes: 0 none is known, 1 some are, 2 the services could not be reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.program import ROOT

CLEAN, WEAK, UNASKED = 0, 1, 2
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock")
ADVICE = "Run it where the internet can be reached, for example on a schedule of your CI.\n"


def python() -> tuple[int, list[str]]:
    """What pip-audit knows about the Python packages."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "--progress-spinner=off"]
    command += ["--disable-pip", "--require-hashes", "--format=json"]
    done = _run([*command, *(f"--requirement={name}" for name in LOCKS)])
    found = _json(done.stdout)
    packages = found.get("dependencies", [])
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if not packages or unknown:
        reason = f"{len(unknown)} packages were not found there" if packages else _last(done.stderr)
        return UNASKED, [f"PyPI's advisories could not be asked: {reason}."]
    weak = [
        f"{package['name']} {package['version']}: {each['id']}, mended in "
        f"{', '.join(each['fix_versions']) or 'no version yet'}"
        for package in packages
        for each in package["vulns"]
    ]
    fine = f"{len(packages)} packages of Python: nothing known."
    return (WEAK if weak else CLEAN), weak or [fine]


def javascript() -> tuple[int, list[str]]:
    """What npm knows about the JavaScript packages."""
    npm = os.environ.get("NPM", "npm").split()
    found = _json(_run([*npm, "audit", "--json"]).stdout)
    if "vulnerabilities" not in found:
        reason = found.get("message") or "no answer"
        return UNASKED, [f"npm's advisories could not be asked: {reason}."]
    weak = [f"{name}: {each['severity']}" for name, each in found["vulnerabilities"].items()]
    count = found["metadata"]["dependencies"]["total"]
    return (WEAK if weak else CLEAN), weak or [f"{count} packages of JavaScript: nothing known."]


def verdict(answers: Iterable[tuple[int, list[str]]]) -> int:
    """Prints them; a known vulnerability outweighs a service that could not be reached."""
    codes = set()
    for code, lines in answers:
        codes.add(code)
        sys.stdout.write("\n".join(lines) + "\n")
    if UNASKED in codes:
        sys.stdout.write(ADVICE)
    return WEAK if WEAK in codes else max(codes)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _last(text: str) -> str:
    return text.strip().splitlines()[-1][:200] if text.strip() else "no answer"


if __name__ == "__main__":
    raise SystemExit(verdict([python(), javascript()]))
