"""Reads columns of many rows from PostgreSQL as bytes, a whole column of a chunk at a time.

A million rows of fifty columns would otherwise become fifty million Python objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from apps.metrics.figures.columns import Column

PART = 50_000
# PostgreSQL's binary form of a number, and NumPy's name of it.
_WIDE, _NARROW = ("int8send({}::int8)", ">i8"), ("int4send({}::int4)", ">i4")
# No text contains a zero byte; null is empty, and every other one begins with a mark.
_TEXT = "convert_to(coalesce('=' || {}, ''), 'UTF8')"


def chunks(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[list[Any]]:
    """The columns of some rows after the other; the last column is the key."""
    part = rows[:PART]
    while True:
        count, last, *values = _asked(part, columns)
        if count:
            yield [_values(each, column) for each, column in zip(values, columns, strict=True)]
        if count < PART:
            return
        part = rows.filter(pk__gt=last)[:PART]


def _asked(rows: QuerySet[Any], columns: Sequence[Column]) -> Sequence[Any]:
    inner, given = rows.query.sql_with_params()
    names = [f"c{place}" for place in range(len(columns))]
    wanted = ", ".join(_packed(name, column) for name, column in zip(names, columns, strict=True))
    # Within one statement all columns see the rows in the same order.
    statement = (
        f"SELECT count(*), max(key), {wanted} FROM ({inner}) AS part({', '.join(names)}, key)"  # noqa: S608 names of ours
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        found: Sequence[Any] = cursor.fetchone()
    return found


def _packed(name: str, column: Column) -> str:
    if column.is_text:
        return f"string_agg({_TEXT.format(name)}, '\\x00'::bytea)"
    return f"string_agg({_number(column)[0].format(name)}, ''::bytea)"


def _number(column: Column) -> tuple[str, str]:
    return _WIDE if column.type.itemsize == 8 else _NARROW


def _values(found: bytes, column: Column) -> Any:
    if not column.is_text:
        return np.frombuffer(found, _number(column)[1])
    texts = bytes(found).decode().split("\0")
    return [text[1:] if text else None for text in texts]
