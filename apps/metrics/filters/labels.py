"""Finding pull requests by a label, the same on both databases."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, Func, Value
from django.db.models.sql.compiler import SQLCompiler


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
