"""Writes some columns of many rows that are there: one statement, run for each row.

The ORM's `bulk_update` takes ten times as long, since it compares each row with all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models


def update(
    model: type[models.Model], names: Sequence[str], rows: Mapping[int, Sequence[Any]]
) -> None:
    """By key the values of these fields; foreign keys as keys."""
    if not rows:
        return
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    quote = connection.ops.quote_name
    assigned = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    table = quote(model._meta.db_table)
    statement = f"UPDATE {table} SET {assigned} WHERE id = %s"  # noqa: S608 names of our own
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                [
                    *(
                        field.get_db_prep_save(value, connection)
                        for field, value in zip(fields, values, strict=True)
                    ),
                    key,
                ]
                for key, values in rows.items()
            ],
        )
