"""`make test-live`, pointed at the simulator: there it must succeed, and say what it needs."""

from __future__ import annotations

import pytest

from github_simulator.testing import Running
from tests import live
from tests.program import free_address


def test_it_works(github: Running, capfd: pytest.CaptureFixture[str]) -> None:
    world = github.simulator.world
    repository = min(
        (each for each in world.repositories.values() if each.pull_requests),
        key=lambda each: len(each.pull_requests),
    )
    url = free_address()
    given = {
        "GITHUB_URL": github.url,
        "GITHUB_TOKEN": github.token,
        "LIVE_REPOSITORY": repository.full_name,
        "PUBLIC_URL": url,
        "LIVE_BIND": url.removeprefix("http://"),
    }
    code = live.main(given)
    output = capfd.readouterr()
    assert code == 0, output.err
    assert f"sync: {len(repository.pull_requests)} pull requests" in output.out
    assert "webhook: 1 deliveries" in output.out
    assert "fields equal" in output.out
    assert "disconnect: done" in output.out


def test_what_it_needs(capfd: pytest.CaptureFixture[str]) -> None:
    assert live.main({"GITHUB_TOKEN": "ghp_x"}) == 2
    assert "LIVE_REPOSITORY" in capfd.readouterr().err


def test_a_token_that_github_refuses(github: Running, capfd: pytest.CaptureFixture[str]) -> None:
    given = {"GITHUB_URL": github.url, "GITHUB_TOKEN": "ghp_x", "LIVE_REPOSITORY": "acme/website"}
    assert live.main(given) == 1
    assert "/github/token/" in capfd.readouterr().err
