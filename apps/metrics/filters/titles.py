"""Finds pull requests by words in their titles, with the same result on both databases.

A word matches anywhere, in any case; quoted words match as they stand together. PostgreSQL uses a
trigram index. Its extension is part of PostgreSQL, and any user who may create objects in the
database may create it; without that right, titles are read one by one, and everything else stays
the same.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler

INDEX = "pull_request_title_trigrams"
# The column is a literal, not a parameter, so that the planner finds the index.
_MAKE_INDEX = (
    f"CREATE INDEX IF NOT EXISTS {INDEX} ON metrics_pullrequest"
    " USING gin (UPPER(title) gin_trgm_ops)"
)
_WORDS = re.compile(r'"([^"]+)"|(\S+)')

log = logging.getLogger(__name__)


def words(text: str) -> list[str]:
    """The search words; a quoted phrase is one."""
    found = (quoted or bare.strip('"') for quoted, bare in _WORDS.findall(text))
    return [word for each in found if (word := " ".join(each.split()))]


class TitleHas(Func):
    """Whether a title contains a word, in any case."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, word: str, title: str = "title") -> None:
        super().__init__(F(title), Value(word))
        self.word = word

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"TFORMANCE_HAS({sql}, %s)", (*params, self.word)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"UPPER({sql}) LIKE UPPER(%s)", (*params, f"%{_escaped(self.word)}%")


def register(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Adds the word search to a new SQLite connection."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("TFORMANCE_HAS", 2, _has, deterministic=True)


def make_index(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Creates the index after each migration, if the database allows it; else says what to do."""
    connection = connections[using]
    if connection.vendor != "postgresql" or has_index(using):
        return
    try:
        with transaction.atomic(using), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(_MAKE_INDEX)
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        log.warning(
            "Titles are searched without an index (%s). With large teams, let a superuser of the"
            " database run CREATE EXTENSION pg_trgm; the next migration then makes the index.",
            reason,
        )


def has_index(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether PostgreSQL has the index."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT TO_REGCLASS(%s) IS NOT NULL", [INDEX])
        return bool(cursor.fetchone()[0])


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _has(title: str | None, word: str) -> bool:
    return title is not None and _upper(word) in _fold(title)


@lru_cache(maxsize=64)
def _upper(word: str) -> str:
    return _fold(word)


def _fold(text: str) -> str:
    # Character by character, as in PostgreSQL: one that would become two stays.
    if text.isascii():
        return text.upper()
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)
