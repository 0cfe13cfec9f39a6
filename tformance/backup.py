"""`tformance backup` and `restore`: the whole database as one file, while everything runs.

Keys are not included: a backup alone opens nothing. Nor is what can be recreated, such as static
files or broker messages.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import django
from django.conf import settings

from tformance import up

SQLITE_BEGINS, POSTGRES_BEGINS = b"SQLite format 3\x00", b"PGDMP"
_OPTIONS = {"USER": "--username", "HOST": "--host", "PORT": "--port", "NAME": "--dbname"}


def backup(target: Path) -> None:
    """Write the database to a new file that only its owner can read.

    An existing file is never touched. Raises `click.ClickException`.
    """
    django.setup()
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy_out(aside)
        os.link(aside, target)  # fails if the target exists, where a rename would not
    except FileExistsError:
        raise click.ClickException(f"{target} exists already. Name a new file.") from None
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"The backup could not be written: {error}.") from None
    finally:
        aside.unlink(missing_ok=True)
    up.say(f"{target} has the whole database.")
    up.say("Keep TOKEN_ENCRYPTION_KEYS and SECRET_KEY in another place: it is read with them only.")


def restore(source: Path) -> None:
    """Fill the empty database from a backup file, and migrate it to this version.

    Raises `click.ClickException`, and changes nothing then.
    """
    django.setup()
    from django.db import connection

    from tformance import migrating

    with up.alone():
        _refuse_strange(source)
        _refuse_newer(source)
        if connection.introspection.table_names():
            raise click.ClickException(
                "The database is not empty. Restore into a new DATA_DIR or DATABASE_URL."
            )
        connection.close()
        _copy_in(source)
        migrating.migrate()
        _count_anew()
        _try_the_keys()
    up.say(f"Restored from {source}. Start tformance; it goes on from where the backup was made.")


def _is_sqlite() -> bool:
    return bool(_database()["ENGINE"].endswith("sqlite3"))


def _database() -> Mapping[str, Any]:
    return settings.DATABASES["default"]


def _copy_out(target: Path) -> None:
    if _is_sqlite():
        with (
            closing(sqlite3.connect(_database()["NAME"], timeout=30)) as ours,
            closing(sqlite3.connect(target)) as theirs,
        ):
            ours.backup(theirs)
            theirs.execute("PRAGMA journal_mode=DELETE")  # one file, without a log next to it
    else:
        _postgres("pg_dump", "--format=custom", "--no-owner", "--file", str(target))


def _copy_in(source: Path) -> None:
    if _is_sqlite():
        name = Path(_database()["NAME"])
        aside = name.with_name(f".{name.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, aside)
            aside.chmod(0o600)
            aside.rename(name)
        except OSError as error:
            raise click.ClickException(f"The backup could not be copied: {error}.") from None
        finally:
            aside.unlink(missing_ok=True)
    else:
        transaction = ("--single-transaction", "--exit-on-error")
        _postgres("pg_restore", *transaction, "--no-owner", str(source))


def _postgres(program: str, *arguments: str) -> None:
    database = _database()
    where = [f"{option}={database[name]}" for name, option in _OPTIONS.items() if database[name]]
    environment = {**os.environ, "PGPASSWORD": str(database.get("PASSWORD") or "")}
    for name, value in database.get("OPTIONS", {}).items():
        if isinstance(value, str):
            environment[f"PG{name.upper()}"] = value
    _run(program, *where, *arguments, **environment)


def _run(program: str, *arguments: str, **environment: str) -> str:
    """Its output. Raises `click.ClickException` if it is missing or fails."""
    if not shutil.which(program):
        raise click.ClickException(
            f"{program} is missing. On Debian: apt install postgresql-client"
        )
    command, known = [program, *arguments], environment or None
    done = subprocess.run(command, env=known, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        reason = next((each for each in said if "error:" in each), said[-1])
        raise click.ClickException(f"{program} failed: {reason}")
    return done.stdout


def _refuse_strange(source: Path) -> None:
    with source.open("rb") as file:
        begins = file.read(len(SQLITE_BEGINS))
    is_sqlite = begins == SQLITE_BEGINS
    if not (is_sqlite or begins.startswith(POSTGRES_BEGINS)):
        raise click.ClickException(f"{source} is no backup of tformance.")
    if is_sqlite != _is_sqlite():
        theirs, ours = ("SQLite", "PostgreSQL") if is_sqlite else ("PostgreSQL", "SQLite")
        raise click.ClickException(f"{source} is of {theirs}, and DATABASE_URL names {ours}.")


def _refuse_newer(source: Path) -> None:
    """Its table of migrations shows whether it is complete, ours, and of no later version."""
    from django.db.migrations.loader import MigrationLoader

    known: dict[str, str] = {}
    for app, name in MigrationLoader(None).disk_migrations:
        known[app] = max(name, known.get(app, ""))
    applied = set(_sqlite_knows(source) if _is_sqlite() else _postgres_knows(source))
    if "teams" not in {app for app, _ in applied}:
        raise click.ClickException(f"{source} is no backup of tformance.")
    if any(app in known and name > known[app] for app, name in applied):
        raise click.ClickException(f"{source} is of a later version. Install that one, or a newer.")


def _sqlite_knows(source: Path) -> Iterator[tuple[str, str]]:
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as theirs:
            if theirs.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError
            tables = theirs.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if ("django_migrations",) in tables.fetchall():
                yield from theirs.execute("SELECT app, name FROM django_migrations")
    except sqlite3.DatabaseError:
        raise click.ClickException(f"{source} is not whole. Take another backup.") from None


def _postgres_knows(source: Path) -> Iterator[tuple[str, str]]:
    rows = _run("pg_restore", "--data-only", "--table=django_migrations", "--file=-", str(source))
    for row in rows.splitlines():
        if len(cells := row.split("\t")) == 4:  # id, app, name, applied
            yield cells[1], cells[2]


def _count_anew() -> None:
    """Invalidates figures that a machine kept from a later state of the database."""
    from apps.metrics.figures import freshness
    from apps.teams.models import Team

    for pk in Team.objects.values_list("pk", flat=True):
        freshness.gone(pk)


def _try_the_keys() -> None:
    from apps.encryption import EncryptionKeyError
    from apps.integrations.keeping import rotation

    try:
        rotation.read_each()
    except EncryptionKeyError:
        raise click.ClickException(
            "Everything was restored, but its secrets cannot be read: set TOKEN_ENCRYPTION_KEYS to "
            "the keys that it was made with."
        ) from None
