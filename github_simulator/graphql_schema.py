"""Our schema, a subset of GitHub's, bound to its resolvers."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
)

from .instants import zulu
from .nodes import Served, type_name
from .resolvers import ALL

SOURCE = Path(__file__).with_name("schema.graphql")


@cache
def schema() -> GraphQLSchema:
    """The executable schema. Raises LookupError where a field has no resolver."""
    built = build_schema(SOURCE.read_text(encoding="utf-8"))
    for name, kind in built.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            _bind(kind)
    for name, serialize in SCALARS.items():
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)  # noqa: S101
        scalar.serialize = serialize  # type: ignore[method-assign]
    _parse_instants(built)
    return built


def _bind(kind: GraphQLObjectType) -> None:
    for name, field in kind.fields.items():
        if name not in ALL.get(kind.name, {}):
            raise LookupError(f"{kind.name}.{name} has no resolver.")
        field.resolve = ALL[kind.name][name]


def _parse_instants(built: GraphQLSchema) -> None:
    instant = built.type_map["DateTime"]
    assert isinstance(instant, GraphQLScalarType)  # noqa: S101
    instant.parse_value = datetime.fromisoformat  # type: ignore[method-assign, assignment]


SCALARS: dict[str, Any] = {
    "BigInt": str,
    "DateTime": lambda instant: instant if isinstance(instant, str) else zulu(instant),
    "GitObjectID": str,
    "GitTimestamp": str,
    "URI": str,
}


def resolve_type(value: Served, info: object, abstract: GraphQLAbstractType) -> str:
    return type_name(value)
