"""Errors on the command line: one clear line, the documented exit code, nothing lost."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from github_simulator.acts import act
from github_simulator.testing import Running, running
from tests.conftest import small_world
from tests.terminal import Terminal


@pytest.fixture
def terminal(github: Running, tmp_path: Path) -> Terminal:
    return Terminal(github, tmp_path)


@pytest.fixture
def name(github: Running) -> str:
    return largest(github)


def largest(github: Running) -> str:
    """A repository with some pull requests."""
    repositories = github.simulator.world.repositories.values()
    return max(repositories, key=lambda r: len(r.pull_requests)).full_name


@pytest.fixture(scope="module")
def folder_after_a_sync(github: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the repository in its first state."""
    folder = tmp_path_factory.mktemp("synced")
    done = Terminal(github, folder).run("sync", largest(github))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def synced(terminal: Terminal, folder_after_a_sync: Path, tmp_path: Path) -> Terminal:
    """A terminal where the repository was synced before."""
    shutil.copytree(folder_after_a_sync, tmp_path, dirs_exist_ok=True)
    return terminal


def test_it_works(name: str, github: Running, tmp_path: Path) -> None:
    terminal = Terminal(github, tmp_path, is_new=True)
    done = terminal.run("sync", name)
    assert done.returncode == 0, done.stderr
    repository = github.simulator.world.repository(name)
    assert repository is not None
    assert len(terminal.rows("pull-requests")) == len(repository.pull_requests)


def test_a_missing_token(terminal: Terminal, name: str) -> None:
    done = terminal.run("sync", name, GITHUB_TOKEN="")
    assert done.returncode == 2
    assert done.stderr.startswith("tformance: GITHUB_TOKEN is not set.")
    assert done.stderr.count("\n") == 1


def test_a_wrong_token(terminal: Terminal, name: str) -> None:
    done = terminal.run("sync", name, GITHUB_TOKEN="ghp_wrong")
    assert done.returncode == 1
    assert "does not accept the token" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "ghp_wrong" not in done.stderr


def test_no_such_repository(terminal: Terminal) -> None:
    done = terminal.run("sync", "acme/no-such-thing")
    assert done.returncode == 1
    assert "acme/no-such-thing" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_repository_among_others(terminal: Terminal, name: str, github: Running) -> None:
    done = terminal.run("sync", "acme/no-such-thing", name)
    assert done.returncode == 1
    assert "tformance: GitHub does not find acme/no-such-thing" in done.stderr
    assert name in done.stdout
    repository = github.simulator.world.repository(name)
    assert repository is not None
    assert len(terminal.rows("pull-requests")) == len(repository.pull_requests)


def test_a_github_that_falters_at_first(terminal: Terminal, name: str, github: Running) -> None:
    github.fault("null_data", contains="query Repository(", nth=1)
    github.fault("secondary_limit", contains="query Repository(", nth=2, seconds=1, status=200)
    github.fault("server_error", contains="query Members(", nth=1)
    done = terminal.run("sync", name)
    assert done.returncode == 0, done.stderr
    assert "Waiting until" in done.stderr
    assert any(
        row["author_login"] and not row["is_external"] for row in terminal.rows("pull-requests")
    )


def test_a_count_that_is_not_met_keeps_no_deployment_back(tmp_path: Path) -> None:
    with running(small_world()) as github:
        name, terminal = largest(github), Terminal(github, tmp_path)
        repository = github.simulator.world.repository(name)
        assert repository is not None
        made = github.act("deploy", repository=name, environment="live")
        done = {"deployment": made["id"], "state": "SUCCESS"}
        github.act("set_deployment_status", repository=name, **done)
        github.act("unlist", repository=name, number=max(repository.pull_requests))
        github.fault("null_leaf", leaf="Repository.pullRequest")
        said = terminal.run("sync", name)
    assert said.returncode == 1
    assert "1 of them could not be found" in said.stderr
    assert made["node_id"] in {row["id"] for row in terminal.rows("deployments")}


def test_one_repository_by_two_spellings(terminal: Terminal, name: str, github: Running) -> None:
    github.fault("graphql_error", contains="query Members(", type="FORBIDDEN")
    done = terminal.run("sync", name, name.upper())
    github.simulator.faults.clear()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be read, so everyone counts as external") == 1
    assert done.stdout.count(name) == 1


def test_a_part_of_the_history_says_since_when(terminal: Terminal, name: str) -> None:
    done = terminal.run("sync", name, "--since", "2026-01-31")
    assert done.returncode == 0, done.stderr
    assert f"{name} is complete since 2026-01-31; what is older was left out." in done.stderr


@pytest.mark.parametrize("wrong", ["acme", "https://github.com/acme/app", "a/b/c", "acme/"])
def test_an_invalid_name(terminal: Terminal, wrong: str) -> None:
    done = terminal.run("sync", wrong)
    assert done.returncode == 2
    assert "OWNER/REPO" in done.stderr


def test_an_invalid_date(terminal: Terminal, name: str) -> None:
    done = terminal.run("sync", name, "--since", "yesterday")
    assert done.returncode == 2
    assert "2026-01-31" in done.stderr


def test_no_network(terminal: Terminal, name: str) -> None:
    done = terminal.run("sync", name, GITHUB_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_data_folder_that_cannot_be_made(terminal: Terminal, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = terminal.run("sync", name, DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert done.stderr.startswith("tformance: DATA_DIR")
    assert done.stderr.count("\n") == 1


def test_a_full_disk(synced: Terminal, name: str) -> None:
    stored = synced.rows("pull-requests")
    done = synced.run("sync", name, "--team", "another", largest_file=100)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("tformance: The data")
    assert "Traceback" not in done.stderr
    assert synced.rows("pull-requests") == stored


def test_an_export_of_a_team_that_is_not_there(terminal: Terminal) -> None:
    done = terminal.run("export", "pull-requests", "--team", "nobody")
    assert done.returncode == 2
    assert "no team nobody" in done.stderr


def test_the_team_is_made_when_missing(terminal: Terminal, name: str) -> None:
    assert terminal.run("sync", name, "--team", "payments").returncode == 0
    assert terminal.run("export", "members", "--team", "payments").returncode == 0


def test_an_audit_finds_every_field_equal(synced: Terminal) -> None:
    done = synced.run("audit", "--sample", "30")
    assert done.returncode == 0, done.stdout
    equal, _, rest = done.stdout.partition(" of ")
    assert rest.startswith(f"{equal} fields equal in 30 pull requests")


def test_single_sign_on_is_reported(synced: Terminal, name: str, github: Running) -> None:
    owner = name.partition("/")[0]
    act(github.simulator, "require_sso", {"organization": owner})
    try:
        again = synced.run("sync", name)
        audited = synced.run("audit", "--sample", "30")
    finally:
        act(github.simulator, "require_sso", {"organization": owner, "on": False})
    assert again.returncode == 1
    assert "The organisation asks for single sign-on." in again.stderr
    assert audited.returncode == 1
    assert "30 could not be compared" in audited.stderr


def test_an_audit_without_data(terminal: Terminal) -> None:
    done = terminal.run("audit")
    assert done.returncode == 1
    assert "no pull request is stored" in done.stderr


def test_an_audit_shows_and_repairs_a_difference(
    synced: Terminal, name: str, github: Running
) -> None:
    repository = github.simulator.world.repository(name)
    assert repository is not None
    pull_request = next(iter(repository.pull_requests.values()))
    before = pull_request.title
    pull_request.title = "Told to nobody"
    try:
        done = synced.run("audit", "--sample", "100000")
        assert done.returncode == 1
        assert (
            f'{name}#{pull_request.number} title: "{before}" here, "Told to nobody" on GitHub'
            in done.stdout
        )
        assert synced.run("audit", "--sample", "100000").returncode == 0
    finally:
        pull_request.title = before


def test_an_audit_marks_changes_since_the_sync(
    synced: Terminal, name: str, github: Running
) -> None:
    repository = github.simulator.world.repository(name)
    assert repository is not None
    pull_request = next(pr for pr in repository.pull_requests.values() if pr.closed_at)
    before = pull_request.updated_at
    pull_request.updated_at = before + timedelta(seconds=5)
    try:
        done = synced.run("audit", "--sample", "100000")
    finally:
        pull_request.updated_at = before
    assert done.returncode == 1
    assert f"updated_at: {before:%Y-%m-%dT%H:%M:%S}Z here, " in done.stdout
    assert "1 of 1 differences are in what changed on GitHub" in done.stdout
    assert "datetime" not in done.stdout


def test_help_is_whole_and_a_bad_port_is_one_line(terminal: Terminal) -> None:
    assert "..." not in terminal.run("--help").stdout.split("Commands:")[1]
    done = terminal.run("simulator", "--port", "99999")
    assert done.returncode == 2
    assert "0<=x<=65535" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_are_rotated(synced: Terminal) -> None:
    done = synced.run("rotate-keys")
    assert done.returncode == 0
    assert "encrypted with the first key" in done.stdout
