"""Fields of a response that are null, or hold invalid values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_non_null_type,
    visit,
)

from .connections import Connection
from .faults import Fault
from .refusals import GitHubError

Spoil = Callable[..., Any]


def spoiling(faults: Iterable[Fault]) -> Spoil | None:
    """An execution middleware that changes these leaves; None if there are none."""
    spoiled = [fault for fault in faults if fault.leaf]

    def spoil(tell: Callable[..., Any], source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        for fault in spoiled:
            if _names(fault.leaf, info) and _concerns(fault.of, source, info):
                return _spoiled(fault, info)
        return tell(source, info, **given)

    return spoil if spoiled else None


def _names(leaf: str, info: GraphQLResolveInfo) -> bool:
    """Whether a field is this one, by its type or by one of its interfaces."""
    kind, _, name = leaf.partition(".")
    if name != info.field_name:
        return False
    parent = info.parent_type
    return kind == parent.name or any(kind == each.name for each in parent.interfaces)


def _concerns(wanted: str | int | None, source: Any, info: GraphQLResolveInfo) -> bool:
    place = ".".join(map(str, info.path.as_list()))
    if wanted is None or f"{place}.".startswith(f"{wanted}."):
        return True
    thing = getattr(source, "thing", source)
    names = (getattr(thing, name, None) for name in ("number", "node_id", "oid"))
    return str(wanted) in {str(name) for name in names if name is not None}


def _spoiled(fault: Fault, info: GraphQLResolveInfo) -> Any:
    if fault.kind == "strange_leaf":
        return fault.value
    if fault.kind == "endless_list":
        return Connection([], [[fault.struck]], 1000, has_next=True, has_previous=True)
    if fault.silent and not is_non_null_type(info.return_type):
        return None
    thing = info.parent_type.name.lower()
    words = fault.message or f"The {info.field_name} count for this {thing} is unavailable."
    raise GitHubError(fault.type, words)


def leaves_of(schema: GraphQLSchema, document: DocumentNode) -> dict[str, bool]:
    """Every field that a document asks for, by its type, and whether it can be null."""
    found: dict[str, bool] = {}
    kinds = TypeInfo(schema)

    class Finder(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent, asked = kinds.get_parent_type(), kinds.get_type()
            if parent and asked and not node.name.value.startswith("__"):
                leaf = f"{parent.name}.{node.name.value}"
                found[leaf] = not is_non_null_type(asked)

    visit(document, TypeInfoVisitor(kinds, Finder()))
    return found
