"""What the ORM lacks, for PostgreSQL and SQLite alike and with the same result on both.

PostgreSQL has each of these built in. For SQLite they are registered on every new connection.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, BooleanField, FloatField, Func, IntegerField, Value
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
        found: list[float] | None = json.loads(value) if isinstance(value, str) else value
        return found

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
        fractions = ",".join(map(str, PERCENTILES))
        template = (
            f"PERCENTILE_CONT(ARRAY[{fractions}]::float8[]) "
            "WITHIN GROUP (ORDER BY (%(expressions)s))"
        )
        if connection.vendor == "sqlite":
            template = "TFORMANCE_PERCENTILES(%(expressions)s)"
        if self.filter is not None:
            return self._filtered(compiler, connection, template)
        return super().as_sql(compiler, connection, template=template, **extra)

    def _filtered(self, compiler: SQLCompiler, connection: Any, template: str) -> Any:
        bare = self.copy()
        bare.filter = None
        sql, params = bare.as_sql(compiler, connection)
        condition, more = compiler.compile(self.filter)
        return f"{sql} FILTER (WHERE {condition})", (*params, *more)


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
        texts = [_sqlite_text(boundary) for boundary in self.boundaries]
        return f"TFORMANCE_BUCKET({sql}, '{';'.join(texts)}')", params

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        texts = [boundary.astimezone(UTC).isoformat() for boundary in self.boundaries]
        # Literals of our own making: a parameter twice in GROUP BY is not seen as the same.
        return f"WIDTH_BUCKET({sql}, '{{{','.join(texts)}}}'::timestamptz[])", params


class HasLabel(Func):
    """Whether a JSON list of texts has this one."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, expression: Any, label: str) -> None:
        super().__init__(expression, Value(label))

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        template = "EXISTS (SELECT 1 FROM JSON_EACH(%(expressions)s)"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner=") WHERE value = ", **extra
        )

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_EXISTS", **extra)


class Seconds(Func):
    """The seconds from one instant to another."""

    output_field = FloatField()

    def __init__(self, begin: Any, end: Any) -> None:
        super().__init__(end, begin)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        # strftime's seconds are whole, julianday's are not exact.
        end, begin = (compiler.compile(part) for part in self.source_expressions)
        sql = "({} - {})".format(
            *(f"CAST(STRFTIME('%%s', {part[0]}) AS INTEGER)" for part in (end, begin))
        )
        return sql, tuple(chain(end[1], begin[1]))

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        end, begin = (compiler.compile(part) for part in self.source_expressions)
        sql = (
            f"(EXTRACT(EPOCH FROM DATE_TRUNC('second', {end[0]}))"
            f" - EXTRACT(EPOCH FROM DATE_TRUNC('second', {begin[0]})))::float8"
        )
        return sql, tuple(chain(end[1], begin[1]))


class _SQLitePercentiles:
    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, value: float | None) -> None:
        if value is not None:
            self.values.append(value)

    def finalize(self) -> str | None:
        if not self.values:
            return None
        self.values.sort()
        return json.dumps([percentile(self.values, fraction) for fraction in PERCENTILES])


def _sqlite_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=64)
def _boundaries(text: str) -> list[str]:
    return text.split(";")


def _sqlite_bucket(instant: str | None, boundaries: str) -> int | None:
    # Instants are stored as text in UTC that sorts by time.
    return None if instant is None else bisect_right(_boundaries(boundaries), instant)


def register(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Teach a new SQLite connection the functions above."""
    if connection.vendor != "sqlite":
        return
    sqlite = connection.connection
    sqlite.create_aggregate("TFORMANCE_PERCENTILES", 1, _SQLitePercentiles)
    sqlite.create_function("TFORMANCE_BUCKET", 2, _sqlite_bucket, deterministic=True)
