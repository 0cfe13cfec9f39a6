"""An older version's database is migrated by this version, on both databases."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.former_migrations import BETWEEN, EARLY
from tests.program import (
    COMMAND,
    DATABASE,
    LONGEST,
    ROOT,
    clean_environment,
    manage,
    postgres_database,
    prepared,
    tformance,
)

Settings = dict[str, str]

TABLES = """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
        column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public'
"""
CONSTRAINTS = """
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
TRIGGERS = """
    SELECT tgrelid::regclass, pg_get_triggerdef(oid), pg_get_functiondef(tgfoid)
    FROM pg_trigger WHERE NOT tgisinternal
"""
CHANGES_NOTHING = ("rotate-keys",)  # where no secret is stored; it migrates if need be
# PostgreSQL keeps the names of the indexes of a renamed column.
RENAMED = {
    "teams_invitation_key_key": "teams_invitation_key_hash_key",
    "teams_invitation_key_ded04a8e_like": "teams_invitation_key_hash_084baada_like",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    """One with an empty database, and a new one."""
    empty = {"DATA_DIR": str(tmp_path / "empty")}
    if request.param == "sqlite":
        yield empty, {"DATA_DIR": str(prepared())}
        return
    with postgres_database() as one, postgres_database() as other:
        new = {"DATA_DIR": str(tmp_path / "new"), "DATABASE_URL": other}
        assert manage("migrate", **new).returncode == 0
        yield {**empty, "DATABASE_URL": one}, new


@pytest.mark.services
@pytest.mark.parametrize("machines", ["postgresql"], indirect=True)
def test_it_works(machines: tuple[Settings, Settings]) -> None:
    """An early version's: its rows are kept, and the tables equal those of a new machine.

    A version between that and this one is tested below, on SQLite.
    """
    old, new = machines
    _fill(old, EARLY)
    upgraded = manage("migrate", **old)
    assert manage("migrate", "--check", **old).returncode == 0
    _see_the_same(upgraded.stdout, old, new)


def _see_the_same(output: str, old: Settings, new: Settings) -> None:
    assert "squashed" not in output, "made again what was there"
    [row] = tformance("export", "pull-requests", "--team", "acme", **old).stdout.splitlines()
    exported = json.loads(row)
    assert (exported["repository"], exported["number"]) == ("acme/shop", 7)
    assert _schema(old) == _schema(new)


def _fill(machine: Settings, stood: dict[str, str]) -> None:
    names = [f"{app}={name}" for app, name in stood.items()]
    subprocess.run(
        [sys.executable, "-m", "tests.former_migrations", *names],
        check=True,
        cwd=ROOT,
        env=clean_environment(DJANGO_SETTINGS_MODULE="tformance.settings", **machine),
    )


def _schema(machine: Settings) -> set[object]:
    if url := machine.get("DATABASE_URL"):
        with psycopg.connect(url) as database:
            queries = (TABLES, CONSTRAINTS, INDEXES, TRIGGERS)
            return {_renamed(row) for query in queries for row in database.execute(query)}
    with closing(sqlite3.connect(Path(machine["DATA_DIR"], "tformance.sqlite3"))) as database:
        made = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {(name, tuple(sorted(_parts(sql)))) for name, sql in made}


def _renamed(row: tuple[object, ...]) -> tuple[str, ...]:
    said = "\n".join(str(each) for each in row)
    for former, name in RENAMED.items():
        said = re.sub(rf"\b{former}\b", name, said)
    return tuple(said.split("\n"))


def _parts(statement: str) -> list[str]:
    """Its columns and constraints separately, whose order is not guaranteed."""
    columns = statement.replace(" (", ", ", 1).removesuffix(")")
    return re.split(r', (?="|CONSTRAINT)', columns)


def test_the_backup_of_an_upgrade_can_be_restored(tmp_path: Path) -> None:
    """Pending migrations are listed; data is kept, and the backup can be restored elsewhere."""
    old, elsewhere = ({"DATA_DIR": str(tmp_path / name)} for name in ("old", "elsewhere"))
    _fill(old, BETWEEN)
    checked = tformance("upgrade", "--check", **old)
    assert checked.returncode == 1, checked.stderr
    assert "teams.0010_figures_key: took 0.1 s with 400,000 pull requests\n" in checked.stdout
    assert re.search(
        r"^metrics\.0020_\w+: took .+; what it changes is locked", checked.stdout, re.MULTILINE
    )
    upgraded = tformance("upgrade", **old)
    assert upgraded.returncode == 0, upgraded.stderr
    assert re.search(r"^teams\.0010_figures_key: \d+\.\d s$", upgraded.stdout, re.MULTILINE)
    assert tformance("upgrade", "--check", **old).stdout == "Nothing waits.\n"
    _see_the_same(upgraded.stdout, old, {"DATA_DIR": str(prepared())})
    [backup] = (tmp_path / "old/backups").iterdir()
    with closing(sqlite3.connect(backup)) as before:
        [[latest]] = before.execute("SELECT max(name) FROM django_migrations WHERE app = 'teams'")
        assert before.execute("SELECT slug FROM teams_team").fetchall() == [("acme",)]
    assert latest == BETWEEN["teams"]
    restored = tformance("restore", str(backup), **elsewhere)
    assert restored.returncode == 0, restored.stderr
    assert "acme" in tformance("team", "list", **elsewhere).stdout


def test_commands_that_begin_together(machines: tuple[Settings, Settings]) -> None:
    """On a new database each waits for the one that creates the tables."""
    empty, new = machines
    environment = clean_environment(**empty)
    running = [
        subprocess.Popen([COMMAND, *CHANGES_NOTHING], env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in running:
        _, said = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, said.decode()
    assert _schema(empty) == _schema(new)


def test_a_command_that_has_nothing_to_migrate(tmp_path: Path) -> None:
    """It leaves the schema alone, so that the audit log is guarded without a gap."""
    shutil.copytree(prepared(), tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        before = database.execute("PRAGMA schema_version").fetchone()
        assert tformance(*CHANGES_NOTHING, DATA_DIR=str(tmp_path)).returncode == 0
        assert database.execute("PRAGMA schema_version").fetchone() == before
