"""A backup made while the program runs, restored elsewhere, and continued from."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from github_simulator.acts import act
from github_simulator.testing import Running
from tests.program import postgres_database
from tests.terminal import Terminal


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def terminals(
    request: pytest.FixtureRequest, github: Running, name: str, tmp_path: Path
) -> Iterator[tuple[Terminal, Terminal]]:
    """An installation with a repository, and an empty one elsewhere with its keys."""
    with ExitStack() as stack:
        made = []
        for place in ("here", "elsewhere"):
            (tmp_path / place).mkdir()
            terminal = Terminal(github, tmp_path / place, is_new=place == "elsewhere")
            if request.param == "postgresql":
                database = stack.enter_context(postgres_database())
                terminal.settings["DATABASE_URL"] = database
            made.append(terminal)
        here, elsewhere = made
        assert here.run("sync", name).returncode == 0
        for key in ("secret-key", "token-encryption-keys"):
            (tmp_path / "elsewhere" / key).write_bytes((tmp_path / "here" / key).read_bytes())
        yield here, elsewhere


KEY = "from apps.teams.models import Team; print(Team.objects.get().figures_key)"


@pytest.fixture(scope="module")
def name(github: Running) -> str:
    """A repository with few pull requests."""
    repositories = github.simulator.world.repositories.values()
    some = (one for one in repositories if one.pull_requests)
    return min(some, key=lambda one: len(one.pull_requests)).full_name


def test_it_works(
    terminals: tuple[Terminal, Terminal], name: str, github: Running, tmp_path: Path
) -> None:
    here, elsewhere = terminals
    file = tmp_path / "backup"
    made = here.run("backup", str(file))
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    half = tmp_path / "half"
    half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused = elsewhere.run("restore", str(half))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    restored = elsewhere.run("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert elsewhere.rows("pull-requests") == here.rows("pull-requests")
    # The figures cached on a machine name the data by this key.
    keys = {each.run("manage", "shell", "-v0", "-c", KEY).stdout.strip() for each in terminals}
    assert len(keys) == 2
    opened = act(github.simulator, "open", {"repository": name, "title": "After the backup"})
    assert elsewhere.run("sync", name).returncode == 0
    numbers = {row["number"] for row in elsewhere.rows("pull-requests")}
    assert opened["number"] in numbers
    for command, reason in (("backup", "exists already"), ("restore", "not empty")):
        before = file.read_bytes()
        refused = elsewhere.run(command, str(file))
        assert (refused.returncode, reason in refused.stderr) == (1, True)
        assert file.read_bytes() == before


@pytest.fixture(scope="module")
def backed_up(github: Running, name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of SQLite."""
    folder = tmp_path_factory.mktemp("here")
    here = Terminal(github, folder)
    assert here.run("sync", name).returncode == 0
    assert here.run("backup", str(folder / "backup")).returncode == 0
    return folder / "backup"


def test_without_its_keys_it_says_which_are_missing(
    github: Running, tmp_path: Path, backed_up: Path
) -> None:
    elsewhere = Terminal(github, tmp_path, is_new=True)
    restored = elsewhere.run("restore", str(backed_up))
    assert restored.returncode == 1
    assert "set TOKEN_ENCRYPTION_KEYS" in restored.stderr


@pytest.mark.services
def test_a_backup_of_the_other_database(github: Running, tmp_path: Path, backed_up: Path) -> None:
    with postgres_database() as database:
        elsewhere = Terminal(github, tmp_path, is_new=True)
        refused = elsewhere.run("restore", str(backed_up), DATABASE_URL=database)
    assert refused.returncode == 1
    assert "is of SQLite, and DATABASE_URL names PostgreSQL" in refused.stderr


def _half(backup: Path) -> None:
    os.truncate(backup, backup.stat().st_size // 2)


def _of_another_program(backup: Path) -> None:
    backup.unlink()
    with closing(sqlite3.connect(backup)) as other:
        other.execute("CREATE TABLE notes (text)")


def _of_a_later_version(backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as later:
        later.execute("UPDATE django_migrations SET name = '0999_later' WHERE app = 'teams'")
        later.commit()


def test_a_file_that_cannot_be_restored(github: Running, tmp_path: Path, backed_up: Path) -> None:
    """It is refused with a sentence, and the database stays empty."""
    terminal, file = Terminal(github, tmp_path, is_new=True), tmp_path / "backup"
    for spoil, told in (
        (lambda it: it.write_text("not a database"), "is no backup of tformance"),
        (_of_another_program, "is no backup of tformance"),
        (_half, "is not whole"),
        (_of_a_later_version, "is of a later version"),
    ):
        shutil.copyfile(backed_up, file)
        spoil(file)
        refused = terminal.run("restore", str(file))
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"Error: {file} {told}")
        assert not (tmp_path / "tformance.sqlite3").exists()
