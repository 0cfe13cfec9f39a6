"""The rows of a sync, inserted again with bare `executemany`, page by page."""

from __future__ import annotations

import time
from dataclasses import dataclass
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
PAGE = 37  # pull requests with their children: committed at once, as by the sync


@dataclass(frozen=True)
class Table:
    """A table's rows as they are stored."""

    name: str
    columns: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def insert(self, bare: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(self.name),
            sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(self.columns)),
        )
        with bare.cursor() as cursor:
            cursor.executemany(statement, rows)


def insert_again(url: str) -> float:
    """Seconds for inserting them into another database with the same tables and indexes."""
    tables = [_read(name) for name in TABLES]
    pages = _pages(tables)
    with psycopg.connect(url) as bare:
        empty(bare)
        for table in map(_read, FIRST):
            table.insert(bare, table.rows)
        bare.commit()
        begun = time.perf_counter()
        for page in pages:
            for table, rows in zip(tables, page, strict=True):
                table.insert(bare, rows)
            bare.commit()
        return time.perf_counter() - begun


def empty(bare: psycopg.Connection) -> None:
    """Everything else is deleted with its team."""
    bare.execute("TRUNCATE teams_team CASCADE")
    bare.commit()


def _pages(tables: list[Table]) -> list[list[list[tuple[Any, ...]]]]:
    """The rows of each table, by page."""
    pull_requests, _, _, links, _ = tables
    place = {key: at // PAGE for at, key in enumerate(pull_requests.column("id"))}
    of_links = [place[key] for key in links.column("pull_request_id")]
    of_commits = dict(zip(links.column("commit_id"), of_links, strict=True))
    pages: list[list[list[Any]]] = [[[] for _ in tables] for _ in range(max(place.values()) + 1)]
    for at, table in enumerate(tables):
        if table is pull_requests:
            places = [place[key] for key in table.column("id")]
        elif table.name == "metrics_commit":
            places = [of_commits[key] for key in table.column("id")]
        else:
            places = [place[key] for key in table.column("pull_request_id")]
        for page, row in zip(places, table.rows, strict=True):
            pages[page][at].append(row)
    return pages


def _read(name: str) -> Table:
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:  # psycopg's own: JSON arrives as objects
        cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(name)))
        columns = [column.name for column in cursor.description or ()]
        return Table(name, columns, [tuple(map(_plain, row)) for row in cursor.fetchall()])


def _plain(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, (list, dict)) else value
