"""The rows that a sync stored, inserted once more with bare `executemany`."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

FIRST = ("teams_team", "metrics_teammember", "metrics_repository")
TABLES = (
    "metrics_pullrequest",
    "metrics_prreview",
    "metrics_commit",
    "metrics_pullrequestcommit",
    "metrics_timelineevent",
)
CHUNK = 37  # pull requests at a time, as the sync does; here in one transaction


def insert_again(url: str) -> float:
    """Seconds that it takes on an empty database with the same tables and indexes."""
    with psycopg.connect(url) as bare:
        for table in FIRST:
            _insert(bare, table, *_rows(table))
        bare.commit()
        given = {table: _rows(table) for table in TABLES}
        begun = time.perf_counter()
        chunks = max(1, len(given[TABLES[0]][1]) // CHUNK)
        for chunk in range(chunks):
            for table, (names, rows) in given.items():
                size = -(-len(rows) // chunks)
                _insert(bare, table, names, rows[chunk * size : (chunk + 1) * size])
        bare.commit()
        return time.perf_counter() - begun


def _rows(table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:  # psycopg's own: JSON comes as objects
        cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table)))
        names = [column.name for column in cursor.description or ()]
        return names, [tuple(_plain(value) for value in row) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, (list, dict)) else value


def _insert(bare: psycopg.Connection, table: str, names: list[str], rows: list[Any]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() * len(names)),
    )
    with bare.cursor() as cursor:
        cursor.executemany(statement, rows)
