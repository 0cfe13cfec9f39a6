"""Pages of a sorted list that cost the same however far one goes, forwards and back.

A list has two parts: rows with a value, in its order, and after them those without one. Each part
is in an order that an index can serve on both databases, whatever either thinks of nulls. A place
in the list is the value and key of a row, so rows that come or go meanwhile move nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, DateTimeField, F, Func, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler


class UnknownPlaceError(ValueError):
    """A text that stands for no place in this list."""


@dataclass(frozen=True)
class Order:
    """What a list is sorted by, ties by the rows' key; kind `text`, `instant` or `number`."""

    name: str
    key: Any
    kind: str
    may_lack: bool
    is_descending: bool


@dataclass(frozen=True)
class Place:
    """Where a page begins, or with `is_back` ends; a value of None is among those without one."""

    value: Any
    pk: int
    is_back: bool = False


@dataclass(frozen=True)
class Page:
    """Some rows of a list; `after` and `before` lead on and back, empty at the list's ends."""

    rows: list[Any]
    after: str
    before: str


def page(found: QuerySet[Any], order: Order, place: Place | None, size: int) -> Page:
    """The rows next to a place, or the first ones."""
    rows = _some(found, order, place, size + 1)
    is_more, rows = len(rows) > size, rows[:size]
    is_back = place is not None and place.is_back
    if is_back:
        rows.reverse()
    goes_on = bool(rows) and (is_more or is_back)
    goes_back = bool(rows) and (is_more if is_back else place is not None)
    return Page(
        rows,
        _text(order, rows[-1]) if goes_on else "",
        _text(order, rows[0]) if goes_back else "",
    )


def parts(found: QuerySet[Any], order: Order) -> list[QuerySet[Any]]:
    """The whole list, as the one or two queries that follow each other."""
    return [_part(found, order, lacks, False) for lacks in _halves(order)]


def read(text: str, order: Order, *, is_back: bool = False) -> Place:
    """The place that a page's `after` or `before` names. Raises UnknownPlaceError."""
    try:
        name, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if name != order.name or (value is None and not order.may_lack):
            raise UnknownPlaceError(text)
        return Place(None if value is None else _value(value, order.kind), _bounded(pk), is_back)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise UnknownPlaceError(text) from error


def spare_compiling(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Keeps PostgreSQL from compiling queries: of a list it takes longer than it saves."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")


class _Beyond(Func):
    """Whether a row's value and key lie beyond others, as one comparison for an index."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, *sides: Any, is_less: bool = False) -> None:
        super().__init__(*sides)
        self.is_less = is_less

    def as_sql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:  # type: ignore[override]
        sides = [compiler.compile(each) for each in self.source_expressions]
        sign = "<" if self.is_less else ">"
        texts = [sql for sql, _ in sides]
        params = [param for _, some in sides for param in some]
        return f"({texts[0]}, {texts[1]}) {sign} ({texts[2]}, {texts[3]})", params


def _some(found: QuerySet[Any], order: Order, place: Place | None, count: int) -> list[Any]:
    rows: list[Any] = []
    is_back = place is not None and place.is_back
    for lacks in _from(order, place):
        part = _part(found, order, lacks, is_back)
        if place is not None and lacks == (place.value is None):
            part = _beyond(part, order, place)
        rows += part[: count - len(rows)]
        if len(rows) == count:
            break
    return rows


def _halves(order: Order) -> list[bool]:
    return [False, True] if order.may_lack else [False]


def _from(order: Order, place: Place | None) -> list[bool]:
    """Which parts are looked at from a place on: those with a value, those that lack it."""
    halves = _halves(order)
    if place is None:
        return halves
    if place.is_back:
        halves.reverse()
    begin = place.value is None
    return halves[halves.index(begin) :] if begin in halves else []


def _part(found: QuerySet[Any], order: Order, lacks: bool, is_back: bool) -> QuerySet[Any]:
    way = "-" if order.is_descending != is_back else ""
    found = found.annotate(sort_key=order.key)
    if order.may_lack:
        found = found.filter(sort_key__isnull=lacks)
    return found.order_by(f"{way}pk") if lacks else found.order_by(f"{way}sort_key", f"{way}pk")


def _beyond(part: QuerySet[Any], order: Order, place: Place) -> QuerySet[Any]:
    is_less = order.is_descending != place.is_back
    if place.value is None:
        return part.filter(**{"pk__lt" if is_less else "pk__gt": place.pk})
    field = DateTimeField() if order.kind == "instant" else None
    value = Value(place.value, output_field=field)
    return part.filter(_Beyond(F("sort_key"), F("pk"), value, Value(place.pk), is_less=is_less))


def _text(order: Order, row: Any) -> str:
    value = row.sort_key
    if isinstance(value, datetime):
        value = value.isoformat()
    text = json.dumps([order.name, value, row.pk])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _value(value: Any, kind: str) -> Any:
    if kind == "instant":
        return datetime.fromisoformat(value).astimezone(UTC)
    if kind == "text":
        # What cannot be encoded raises here, and not in the database's driver.
        return str(value).replace("\x00", "").encode().decode()
    return _bounded(value)


def _bounded(value: Any) -> int:
    # Databases refuse what has more than 64 bits.
    return max(-(2**63), min(int(value), 2**63 - 1))
