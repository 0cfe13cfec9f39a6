"""A sync on the command line that is killed with -9 and started again."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.github import world
from github_simulator.faults import Fault
from github_simulator.testing import Running, running
from tests.program import COMMAND, START, clean_environment
from tests.terminal import Terminal

NAME = "acme/service-0"
KILLS = 2
PAGES = 6  # whether they begin to grow with the first or the second


@pytest.fixture
def github() -> Iterator[Running]:
    with running(world([190])) as simulator:
        yield simulator


def kill_while_a_page_is_on_its_way(terminal: Terminal, github: Running) -> None:
    faults = github.simulator.faults
    further_down = '"after":"'
    never = faults.add(Fault("timeout", "/api/graphql", contains=further_down, nth=2))
    settings = clean_environment(**terminal.settings)
    with subprocess.Popen([COMMAND, "sync", NAME], env=settings) as process:
        deadline = time.monotonic() + START
        while not never.struck and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
    assert never.struck
    faults.active.remove(never)


def end_lease(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "tformance.sqlite3")) as database, database:
        database.execute("DELETE FROM integrations_lease")


def answered(github: Running, operation: str) -> int:
    """Answered requests, without those of a killed process that waited for them."""
    asked = github.simulator.log.requests
    return sum(each.operation == operation and each.fault is None for each in asked)


def test_only_the_request_in_flight_is_repeated(github: Running, tmp_path: Path) -> None:
    killed = Terminal(github, tmp_path / "killed")
    # It causes no fault, and counts the lists that are read from the top.
    lists = github.simulator.faults.add(
        Fault("slow", "/api/graphql", contains='"after":null', rate=0)
    )
    for _ in range(KILLS):
        kill_while_a_page_is_on_its_way(killed, github)
        end_lease(tmp_path / "killed")
    assert killed.run("sync", NAME).returncode == 0
    # A second sync also reads the new changes at the top.
    others = sum(answered(github, name) for name in ("Members", "Deployments", "Releases"))
    again_from_the_top = lists.seen - others - 1
    assert answered(github, "PullRequests") == PAGES + again_from_the_top
    calm = Terminal(github, tmp_path / "calm")
    assert calm.run("sync", NAME).returncode == 0
    assert killed.rows("pull-requests") == calm.rows("pull-requests")
