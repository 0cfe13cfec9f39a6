"""Database rows by the keys that the arrays selected: any number of keys."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import BooleanField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler

from apps.metrics.figures.arrays import Array


class Among(Func):
    """Whether a row's key is one of many; a database limits the number of parameters."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, keys: Array) -> None:
        super().__init__(F("pk"), Value(json.dumps(keys.tolist())))

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        template = "%(expressions)s))"
        joiner = " IN (SELECT value FROM JSON_EACH("
        return self.as_sql(compiler, connection, template=template, arg_joiner=joiner)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> Any:
        template = "%(expressions)s, '[]', '{}')::bigint[])"
        joiner = " = ANY (TRANSLATE("
        return self.as_sql(compiler, connection, template=template, arg_joiner=joiner)
