"""Our schema, a subset of GitHub's, bound to its resolvers."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    REMOVE,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    NamedTypeNode,
    Node,
    TypeDefinitionNode,
    Visitor,
    build_ast_schema,
    parse,
    visit,
)

from .instants import zulu
from .nodes import Served, type_name
from .resolvers import ALL

SOURCE = Path(__file__).with_name("schema.graphql")


@cache
def schema(lacks: frozenset[str] = frozenset()) -> GraphQLSchema:
    """The executable schema, perhaps of an older server that `lacks` types, fields or values.

    Raises LookupError where a field has no resolver.
    """
    document = parse(SOURCE.read_text(encoding="utf-8"))
    built = build_ast_schema(visit(document, _Older(lacks)) if lacks else document)
    for name, kind in built.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            _bind(kind)
    for name, serialize in SCALARS.items():
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)  # noqa: S101
        scalar.serialize = serialize  # type: ignore[method-assign]
    _parse_instants(built)
    return built


class _Older(Visitor):
    """Removes what is named.

    `DeployedEvent`, `Repository.deployments`, a value of an enum or a member of a union.
    """

    def __init__(self, lacks: frozenset[str]) -> None:
        super().__init__()
        self.lacks = lacks

    def enter(self, node: Node, *_: Any) -> Any:
        name = getattr(getattr(node, "name", None), "value", "")
        if isinstance(node, TypeDefinitionNode):
            self.inside = name
            return REMOVE if name in self.lacks else None
        if isinstance(node, FieldDefinitionNode | EnumValueDefinitionNode):
            return REMOVE if f"{self.inside}.{name}" in self.lacks else None
        if isinstance(node, NamedTypeNode):
            return REMOVE if {name, f"{self.inside}.{name}"} & self.lacks else None
        return None


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
