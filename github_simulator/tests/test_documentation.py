"""The simulator's docs name every fault and every act, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from github_simulator.acts import ACTS
from github_simulator.faults import KINDS
from github_simulator.server import routes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


def first_column(heading: str) -> set[str]:
    """The names in code in the first column of the section's table."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_it_works() -> None:
    assert first_column("Faults") == set(KINDS)


def test_acts() -> None:
    assert first_column("Acts") == set(ACTS)


def test_addresses() -> None:
    written = {
        row.split(" ")[-1].split("?")[0].replace("OWNER", "{owner}").replace("NAME", "{name}")
        for row in first_column("The control address")
    }
    served = {getattr(route, "path", "") for route in routes()}
    assert written == {path for path in served if path.startswith("/_control/")}
