"""Reads many rows in parts, without a server-side cursor.

Such a cursor belongs to a session. Behind PgBouncer in transaction mode the next statement may run
in another session, which would cut an export short. Here each part is a statement of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from apps.chunks import chunks

M = TypeVar("M", bound=Model)
PART = 2_000


def by_key(rows: QuerySet[Any], *names: str, part: int = PART) -> Iterator[tuple[Any, ...]]:
    """Values of all rows in the order of their keys, whatever their own order."""
    found = rows.order_by("pk").values_list(*names, "pk")
    some = list(found[:part])
    while some:
        yield from (values[:-1] for values in some)
        some = list(found.filter(pk__gt=some[-1][-1])[:part]) if len(some) == part else []


def in_order(rows: QuerySet[Any], *names: str) -> Iterator[tuple[Any, ...]]:
    """Values of all rows in their order; rows deleted meanwhile are left out."""
    unordered = rows.order_by().values_list(*names, "pk")
    for keys in _keys(rows):
        found = {values[-1]: values[:-1] for values in unordered.filter(pk__in=keys)}
        yield from (found[key] for key in keys if key in found)


def instances(rows: QuerySet[M]) -> Iterator[M]:
    """All rows in their order; rows deleted meanwhile are left out."""
    for keys in _keys(rows):
        found = {row.pk: row for row in rows.order_by().filter(pk__in=keys)}
        yield from (found[key] for key in keys if key in found)


def _keys(rows: QuerySet[Any]) -> Iterator[list[int]]:
    """The keys of all rows in their order, read at once (eight bytes each), in parts."""
    keys = array("q", rows.values_list("pk", flat=True).iterator(chunk_size=10_000))
    for some in chunks(keys, PART):
        yield list(some)
