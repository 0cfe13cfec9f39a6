"""`tformance doctor`: what it finds, what it advises, and its exit code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from github_simulator.testing import Running
from tests.program import START, Program, free_address, manage, on_one_machine, tformance
from tests.terminal import Terminal


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, github: Running) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("data")
    settings = {"GITHUB_URL": github.url, "GITHUB_TOKEN": github.token}
    with on_one_machine(folder, free_address(), **settings) as program:
        yield program


def test_it_works(program: Program) -> None:
    # The worker's first sign of life is the end of its first task.
    deadline = time.monotonic() + START
    while not (program.folder / "heartbeat").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    result = program.run("doctor")
    assert result.returncode == 0, result.stdout
    for line in ("database: sqlite", "worker: gave a sign of life", "GITHUB_TOKEN: GitHub accepts"):
        assert f"ok      {line}" in result.stdout
    assert result.stdout.endswith("All is well.\n")


def test_missing_parts_are_reported_with_advice(tmp_path: Path, github: Running) -> None:
    settings = {"DATA_DIR": str(tmp_path), "PUBLIC_URL": free_address()}
    result = tformance("doctor", GITHUB_URL=github.url, **settings)
    assert result.returncode == 1
    for problem in ("database: its tables are not up to date", "worker: has never", "web: "):
        assert f"problem {problem}" in result.stdout
    assert "tformance up" in result.stdout
    assert "Traceback" not in result.stderr


def test_unreachable_services_are_reported(tmp_path: Path) -> None:
    result = tformance(
        "doctor",
        DATA_DIR=str(tmp_path),
        GITHUB_URL="http://127.0.0.1:1",
        DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing",
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert result.returncode == 1
    assert "database: postgresql cannot be reached: connection" in result.stdout
    assert "broker: Redis cannot be reached: Error 111" in result.stdout
    assert "worker: " not in result.stdout, "nobody can know"
    assert "GitHub: http://127.0.0.1:1: GitHub cannot be reached" in result.stdout
    assert "Traceback" not in result.stderr


def test_the_command_line_alone_needs_no_server(tmp_path: Path, github: Running) -> None:
    terminal = Terminal(github, tmp_path)
    repositories = github.simulator.world.repositories.values()
    smallest = min(repositories, key=lambda each: len(each.pull_requests))
    assert terminal.run("sync", smallest.full_name).returncode == 0
    result = terminal.run("doctor", PUBLIC_URL=free_address())
    assert result.returncode == 0, result.stdout
    for part in ("worker", "web"):
        assert f"ok      {part}: not needed" in result.stdout


def test_a_server_whose_limits_are_off(tmp_path: Path, github: Running) -> None:
    github.simulator.limits.enabled = False
    try:
        result = Terminal(github, tmp_path).run("doctor", PUBLIC_URL=free_address())
    finally:
        github.simulator.limits.enabled = True
    assert "ok      GITHUB_TOKEN: GitHub accepts it" in result.stdout


def test_another_installation_at_the_address_is_reported(program: Program, tmp_path: Path) -> None:
    result = tformance("doctor", **{**program.environment, "DATA_DIR": str(tmp_path)})
    assert result.returncode == 1
    assert "problem web: another installation of tformance answers" in result.stdout


def test_an_address_that_github_cannot_reach_is_reported(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path), "PUBLIC_URL": "http://127.0.0.1:1"}
    result = tformance("doctor", GITHUB_URL="https://github.invalid", **settings)
    assert "note    webhooks: GitHub cannot reach http://127.0.0.1:1" in result.stdout


def test_a_bad_token_is_reported_and_not_shown(program: Program) -> None:
    settings = {**program.environment, "GITHUB_TOKEN": "ghp_opensesame"}
    result = tformance("doctor", **settings)
    assert result.returncode == 1
    assert "problem GITHUB_TOKEN" in result.stdout
    assert "opensesame" not in result.stdout + result.stderr


def test_a_token_with_too_few_scopes_is_reported(program: Program, github: Running) -> None:
    world = github.simulator.world
    before = world.tokens[github.token].scopes
    world.tokens[github.token].scopes = ["public_repo"]
    try:
        result = program.run("doctor")
    finally:
        world.tokens[github.token].scopes = before
    assert "GITHUB_TOKEN: lacks the scopes read:org, repo, read:user" in result.stdout


def test_the_token_of_an_ended_connection_is_not_asked_for(program: Program) -> None:
    code = """
from django.utils import timezone
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.teams.models import Team
team = Team.objects.create(name="Acme", slug="acme")
used = IntegrationCredential.objects.create(team=team, kind="oauth", account_login="ada")
GitHubIntegration.objects.create(
    team=team, credential=used, organization_slug="acme", organization_id=1,
    disconnected_at=timezone.now(),
)
"""
    made = manage("shell", "-c", code, **program.environment)
    assert made.returncode == 0, made.stderr
    result = program.run("doctor")
    assert result.returncode == 0, result.stdout
    assert "token of ada" not in result.stdout
