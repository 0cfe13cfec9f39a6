"""Keyset pagination: pages of a sorted list that cost the same at any depth, in both directions.

Rows with a value come first, in the list's order, then those without one. Numbers are sorted in the
arrays; texts by the database, among the rows that the arrays selected. A position in the list is
the value and key of a row, so rows that come or go meanwhile move nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, F, IntegerField, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce

from apps.metrics.figures.among import Among
from apps.metrics.figures.order import Ordered
from apps.metrics.figures.rows import Rows, fetched
from apps.metrics.lists import places
from apps.metrics.models import PullRequest


class UnknownPlaceError(ValueError):
    """A text that is no position in this list."""


@dataclass(frozen=True)
class Order:
    """The sort key of a list, ties by the rows' key; kind `text`, `instant` or `number`.

    `key` is the database expression of a text, or the name of an array column.
    """

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


Entry = tuple[int, Any]
"""A row's key, and its value in the column."""


@dataclass(frozen=True)
class Page:
    """Some rows of a list; `after` and `before` are cursors, empty at the list's ends.

    `begin` is the number of rows before them; None if the database would have to count them.
    """

    rows: list[PullRequest]
    after: str
    before: str
    begin: int | None = 0


def page(found: Rows, order: Order, place: Place | None, size: int) -> Page:
    """The rows next to a position, or the first ones."""
    ordered = _ordered(found, order)
    entries = _next(found, order, ordered, place, size + 1)
    is_back = place is not None and place.is_back
    is_more = len(entries) > size
    entries = entries[-size:] if is_back else entries[:size]
    goes_on = bool(entries) and (is_more or is_back)
    goes_back = bool(entries) and (is_more if is_back else place is not None)
    begin: int | None = 0
    if goes_back:
        begin = ordered.count_before(entries[0]) if ordered else None
    return Page(
        fetched([pk for pk, _ in entries]),
        _text(order, entries[-1]) if goes_on else "",
        _text(order, entries[0]) if goes_back else "",
        begin,
    )


def keys(found: Rows, order: Order) -> list[int]:
    """The keys of the whole list, in its order."""
    if ordered := _ordered(found, order):
        return ordered.all_ids()
    return list(_by_text(found, order).values_list("pk", flat=True))


def read(text: str, order: Order, *, is_back: bool = False) -> Place:
    """The position of a page's `after` or `before`. Raises UnknownPlaceError."""
    try:
        name, value, pk = places.parts_of(text)
        if name != order.name or (value is None and not order.may_lack):
            raise UnknownPlaceError(text)
        return Place(None if value is None else _value(value, order.kind), _bounded(pk), is_back)
    except places.UNREADABLE as error:
        raise UnknownPlaceError(text) from error


def _ordered(found: Rows, order: Order) -> Ordered | None:
    """In the arrays' order; None if the database sorts."""
    if order.kind == "text":
        return None
    return Ordered.by(found, order.key, is_descending=order.is_descending)


def _next(
    found: Rows, order: Order, ordered: Ordered | None, place: Place | None, count: int
) -> Sequence[Entry]:
    if ordered is None:
        return _next_by_text(found, order, place, count)
    if place is None:
        return ordered.first(count)
    return ordered.beyond((place.pk, place.value), count, is_back=place.is_back)


def _next_by_text(found: Rows, order: Order, place: Place | None, count: int) -> Sequence[Entry]:
    rows: QuerySet[Any] = _by_text(found, order)  # its type knows no annotations
    is_back = place is not None and place.is_back
    if place is not None:
        rows = rows.filter(_beyond(place, is_descending=order.is_descending))
    rows = rows.reverse() if is_back else rows
    entries = [
        (pk, None if lacks else key)
        for pk, lacks, key in rows.values_list("pk", "lacks", "sort_key")[:count]
    ]
    return entries[::-1] if is_back else entries


def _by_text(found: Rows, order: Order) -> QuerySet[PullRequest]:
    lacks = When(read_key__isnull=True, then=Value(1))
    way = "-" if order.is_descending else ""
    rows = PullRequest.objects.filter(Among(found["id"])).annotate(read_key=order.key)
    return rows.annotate(
        lacks=Case(lacks, default=Value(0), output_field=IntegerField()),
        sort_key=Coalesce(F("read_key"), Value(""), output_field=TextField()),
    ).order_by("lacks", f"{way}sort_key", f"{way}pk")


def _beyond(place: Place, *, is_descending: bool) -> Q:
    """Those after a position, or before it; the ones without a value come last either way."""
    way = "lt" if is_descending != place.is_back else "gt"
    lacks, value = (1, "") if place.value is None else (0, place.value)
    next_to = Q(**{f"sort_key__{way}": value}) | Q(sort_key=value, **{f"pk__{way}": place.pk})
    other = Q(lacks__lt=lacks) if place.is_back else Q(lacks__gt=lacks)
    return other | Q(lacks=lacks) & next_to


def _text(order: Order, entry: Entry) -> str:
    pk, value = entry
    if order.kind == "instant" and value is not None:
        value = datetime.fromtimestamp(value, UTC).isoformat()
    return places.as_text([order.name, value, pk])


def _value(value: Any, kind: str) -> Any:
    if kind == "instant":
        return int(datetime.fromisoformat(value).astimezone(UTC).timestamp())
    if kind == "text":
        # What cannot be encoded raises here, and not in the database driver.
        return str(value).replace("\x00", "").encode().decode()
    return _bounded(value)


def _bounded(value: Any) -> int:
    # Databases and arrays refuse integers of more than 64 bits.
    return max(-(2**61), min(int(value), 2**61))
