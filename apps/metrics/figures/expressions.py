"""What the ORM lacks, for PostgreSQL and SQLite alike and with the same result on both.

PostgreSQL has each of these built in. For SQLite they are registered on every new connection.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Aggregate,
    FloatField,
    Func,
    IntegerField,
    QuerySet,
    Value,
)
from django.db.models.sql.compiler import SQLCompiler

PERCENTILES = (0.5, 0.75, 0.9)


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Interpolated linearly between the two nearest of values in order, as `percentile_cont`."""
    place = fraction * (len(ordered) - 1)
    below = int(place)
    if below + 1 >= len(ordered):
        return float(ordered[-1])
    low, high = ordered[below], ordered[below + 1]
    return float(low + (place - below) * (high - low))


class _Numbers(FloatField):  # type: ignore[type-arg]
    """A list of numbers: an array, or JSON where the database has no arrays."""

    def from_db_value(self, value: Any, *_: Any) -> list[float] | None:
        return None if value is None else _as_list(value)

    def get_internal_type(self) -> str:
        return "JSONField"


class Percentiles(Aggregate):
    """Median, 75th and 90th percentile of a number, in one pass; None without a value."""

    function = "PERCENTILE_CONT"
    name = "Percentiles"
    allow_distinct = False

    def __init__(self, expression: Any, **extra: Any) -> None:
        super().__init__(expression, output_field=_Numbers(), **extra)

    def as_sql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        template = _percentiles(connection.vendor, "%(expressions)s")
        if self.filter is not None:
            return self._filtered(compiler, connection, template)
        return super().as_sql(compiler, connection, template=template, **extra)

    def _filtered(self, compiler: SQLCompiler, connection: Any, template: str) -> Any:
        bare = self.copy()
        bare.filter = None
        sql, params = bare.as_sql(compiler, connection)
        condition, more = compiler.compile(self.filter)
        return f"{sql} FILTER (WHERE {condition})", (*params, *more)


def _percentiles(vendor: str, sql: str) -> str:
    if vendor == "sqlite":
        return f"TFORMANCE_PERCENTILES({sql})"
    fractions = ",".join(map(str, PERCENTILES))
    return f"PERCENTILE_CONT(ARRAY[{fractions}]::float8[]) WITHIN GROUP (ORDER BY ({sql}))"


def grouped_percentiles(
    found: QuerySet[Any], value: str, *groups: str
) -> Iterator[tuple[int, Any, int, list[float]]]:
    """Count and percentiles of a column, in all and for each value of each of the groups.

    Yields place (0 for all, 1 for the first group, …), the group's value, count, percentiles.
    """
    vendor = connections[found.db].vendor
    shown = f"COUNT(value), {_percentiles(vendor, 'value')} FROM found"
    parts = [f"SELECT 0, NULL, {shown}", *_by_column(len(groups), shown)]
    rows = _from_one_pass(found.order_by().values_list(*groups, value), len(groups), parts)
    return ((*row[:3], _as_list(row[3])) for row in rows if row[2])


def grouped_counts(found: QuerySet[Any], *groups: str) -> list[Counter[int]]:
    """How many rows have which value of each of the groups; none is no value."""
    counts: list[Counter[int]] = [Counter() for _ in groups]
    parts = list(_by_column(len(groups), "COUNT(*) FROM found"))
    rows = found.order_by().annotate(nothing=Value(0)).values_list(*groups, "nothing")
    for place, group, count in _from_one_pass(rows, len(groups), parts):
        if group is not None:
            counts[place - 1][group] = count
    return counts


def _by_column(number: int, shown: str) -> Iterator[str]:
    for place in range(1, number + 1):
        yield f"SELECT {place}, g{place}, {shown} GROUP BY g{place}"


def _from_one_pass(rows: Any, number: int, parts: Sequence[str]) -> list[tuple[Any, ...]]:
    """Finds the rows once and groups them in several ways, which the ORM has no words for."""
    inner, params = rows.query.sql_with_params()
    names = ", ".join([*(f"g{place}" for place in range(1, number + 1)), "value"])
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            f"WITH found({names}) AS MATERIALIZED ({inner}) {' UNION ALL '.join(parts)}", params
        )
        return list(cursor.fetchall())


def _as_list(numbers: str | list[float]) -> list[float]:
    # A database without arrays gives JSON.
    return list(json.loads(numbers)) if isinstance(numbers, str) else numbers


class Bucket(Func):
    """Which of the half-open spans between instants in order another instant lies in: 1, 2, …

    Zero before the first, the number of instants from the last on.
    """

    output_field = IntegerField()

    def __init__(self, expression: Any, boundaries: Sequence[datetime]) -> None:
        super().__init__(expression)
        self.boundaries = tuple(boundaries)

    @property
    def identity(self) -> Any:
        return (*super().identity, self.boundaries)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"TFORMANCE_BUCKET({sql}, '{_tell(self.boundaries)}')", params

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        texts = [boundary.astimezone(UTC).isoformat() for boundary in self.boundaries]
        # Literals of our own making: a parameter twice in GROUP BY is not seen as the same.
        return f"WIDTH_BUCKET({sql}, '{{{','.join(texts)}}}'::timestamptz[])", params


class HoursAfter(Func):
    """The whole hours from an instant to another, rounded up; at least 0, at most `most`.

    None where there is no instant.
    """

    output_field = IntegerField()

    def __init__(self, expression: Any, begin: datetime, most: int) -> None:
        super().__init__(expression)
        self.begin, self.most = int(begin.timestamp()), most

    @property
    def identity(self) -> Any:
        return (*super().identity, self.begin, self.most)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        # strftime's seconds are whole, julianday's are not exact.
        seconds = f"CAST(STRFTIME('%%s', {sql}) AS INTEGER) - {self.begin}"
        return f"MIN(MAX(({seconds} + 3599) / 3600, 0), {self.most})", params

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        hours = f"CEIL((EXTRACT(EPOCH FROM {sql}) - {self.begin}) / 3600)"
        bounded = f"LEAST(GREATEST({hours}, 0), {self.most})::integer"
        # LEAST and GREATEST leave nulls out: no instant would be hour 0.
        return f"CASE WHEN {sql} IS NOT NULL THEN {bounded} END", (*params, *params)


class _SQLitePercentiles:
    def __init__(self) -> None:
        self.values: list[float | None] = []
        # Called for each row: no function of ours stands between.
        self.step = self.values.append

    def finalize(self) -> str | None:
        values = sorted(value for value in self.values if value is not None)
        if not values:
            return None
        return json.dumps([percentile(values, fraction) for fraction in PERCENTILES])


def _sqlite_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


# What a statement's buckets are, by name: SQLite would hand over all their text for each row.
_told: OrderedDict[str, list[str]] = OrderedDict()


def _tell(boundaries: Sequence[datetime]) -> str:
    texts = [_sqlite_text(boundary) for boundary in boundaries]
    name = hashlib.blake2b(";".join(texts).encode(), digest_size=16).hexdigest()
    _told[name] = texts
    _told.move_to_end(name)
    while len(_told) > 256:
        _told.popitem(last=False)
    return name


def _sqlite_bucket(instant: str | None, name: str) -> int | None:
    # Instants are stored as text in UTC that sorts by time.
    return None if instant is None else bisect_right(_told[name], instant)


def register(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Teach a new SQLite connection the functions above; keep PostgreSQL from compiling queries."""
    if connection.vendor == "postgresql":
        # Compiling one with many aggregates takes longer than it saves, even over a million rows.
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")
    if connection.vendor != "sqlite":
        return
    sqlite = connection.connection
    sqlite.create_aggregate("TFORMANCE_PERCENTILES", 1, _SQLitePercentiles)
    sqlite.create_function("TFORMANCE_BUCKET", 2, _sqlite_bucket, deterministic=True)
