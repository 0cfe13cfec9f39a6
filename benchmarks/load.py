"""Loads a made-up company: `python -m benchmarks.load 1000000`, into the settings' database.

With `LARGEST=0.3` three of ten pull requests are in one repository.

By COPY into PostgreSQL, with indexes afterwards; by `executemany` into SQLite. The database must be
empty. The account alice@example.com with the password `correct horse` can sign in.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.company import Company
from benchmarks.company_rows import Row

CHUNK = 200_000  # rows
TABLES = (
    "metrics_pullrequest",
    "metrics_prreview",
    "metrics_timelineevent",
    "metrics_commit",
    "metrics_pullrequestcommit",
)
SMALL = ("metrics_teammember", "metrics_group", "metrics_group_members", "metrics_repository")


def load(company: Company) -> None:
    """Migrates, and fills all tables."""
    call_command("migrate", verbosity=0)
    with transaction.atomic(), without_indexes():
        fill(company)
    _number_on()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def fill(company: Company) -> None:
    """Writes the team and all of its rows."""
    make_team(company)
    _write("metrics_teammember", company.member_rows())
    _write("metrics_group", company.group_rows())
    _write("metrics_group_members", company.group_member_rows())
    _write("metrics_repository", company.repository_rows())
    rows = company.rows()
    while chunk := list(islice(rows, CHUNK)):
        for table in TABLES:
            _write(table, [row for name, row in chunk if name == table])
        _say(f"{chunk[-1][1]['id']} of {chunk[-1][0]}")


def make_team(company: Company) -> None:
    """A team of one admin who can sign in."""
    from apps.teams.models import Membership, Team
    from apps.users.models import User

    alice = User.objects.create_user(email="alice@example.com", password="correct horse")
    team = Team.objects.create(pk=company.team, name="Acme", slug="acme")
    Membership.objects.create(team=team, user=alice, role="admin")


@cache
def _defaults(table: str) -> Row:
    """The defaults of columns that the company does not set."""
    models = apps.get_models(include_auto_created=True)
    fields = next(each._meta for each in models if each._meta.db_table == table).concrete_fields
    defaults = {
        field.column: field.get_default() for field in fields if field.column and not field.null
    }
    return {name: value for name, value in defaults.items() if value is not None}


def _write(table: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    usual = _defaults(table)
    rows = [{**usual, **row} for row in rows]
    names = list(rows[0])
    columns = ", ".join(names)
    if connection.vendor == "sqlite":
        places = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
        connection.connection.executemany(statement, map(_plain_row, rows))
        return
    with connection.connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for lines in _batches(rows):
            copy.write(lines)


def _batches(rows: Iterable[Row]) -> Iterator[str]:
    found = iter(rows)
    while part := list(islice(found, 1000)):
        yield "".join(
            "\t".join(["\\N" if value is None else str(value) for value in _plain_row(row)]) + "\n"
            for row in part
        )


_AS_TEXT: dict[type, Callable[[Any], Any]] = {
    datetime: lambda value: str(value)[:19],
    bool: int,
    list: json.dumps,
    dict: json.dumps,
}


def _plain_row(row: Row) -> list[Any]:
    return [
        _AS_TEXT[type(value)](value) if type(value) in _AS_TEXT else value for value in row.values()
    ]


@contextmanager
def without_indexes() -> Iterator[None]:
    """Drops the indexes and constraints of the large tables, and recreates them: much quicker."""
    if connection.vendor == "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        made = [made for table in TABLES for made in _dropped(cursor, table)]
        yield
        for statement in sorted(made, key=lambda text: "FOREIGN KEY" in text):
            _say(statement[:110])
            cursor.execute(statement)


def _dropped(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('f', 'u', 'c')",
        [table],
    )
    constraints = cursor.fetchall()
    for name, _ in constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE %s",
        [table, "%_pkey"],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    again = [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}' for name, text in constraints]
    return [text for _, text in indexes] + again


def _number_on() -> None:
    """Lets new rows get ids after these."""
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        for table in (*SMALL, "teams_team", *TABLES):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )


def _say(text: str) -> None:
    print(f"{time.perf_counter() - BEGUN:7.1f} s  {text}", file=sys.stderr, flush=True)


BEGUN = time.perf_counter()

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")
    django.setup()
    load(Company(int(sys.argv[1]), largest=float(os.environ.get("LARGEST") or 0)))
