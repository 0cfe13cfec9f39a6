"""GraphQL's refusals: HTTP 200 and `errors`, each with a `type` and often a `path`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

TOO_HEAVY = "This query exceeds the resource limits. Ask for fewer nodes or fields."


class GitHubError(Exception):
    """Raised by a resolver; `type` is GitHub's name of the error."""

    def __init__(self, kind: str, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.extensions = {"type": kind, **extensions}


def error(kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more, "message": message}


def from_execution(raised: GraphQLError) -> dict[str, Any]:
    """An error of one field, as GitHub adds it to the data that it could return."""
    formatted: dict[str, Any] = {}
    extensions = dict(raised.extensions or {})
    if kind := extensions.pop("type", None):
        formatted["type"] = kind
    if raised.path:
        formatted["path"] = raised.path
    if extensions:
        formatted["extensions"] = extensions
    formatted["locations"] = locations(raised)
    formatted["message"] = raised.message
    return formatted


def locations(raised: GraphQLError) -> list[dict[str, int]]:
    return [{"line": each.line, "column": each.column} for each in raised.locations or ()]


# graphql-core's words, and GitHub's code and words for the same mistake.
TRANSLATIONS: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    (
        r"Cannot query field '(?P<fieldName>\w+)' on type '(?P<typeName>\w+)'",
        "undefinedField",
        "Field '{fieldName}' doesn't exist on type '{typeName}'",
        ("typeName", "fieldName"),
    ),
    (
        r"Unknown argument '(?P<argumentName>\w+)' on field '\w+\.(?P<name>\w+)'",
        "argumentNotAccepted",
        "Field '{name}' doesn't accept argument '{argumentName}'",
        ("name", "argumentName"),
    ),
    (
        r"Field '(?P<name>\w+)' argument '(?P<arguments>\w+)' of type .* is required",
        "missingRequiredArguments",
        "Field '{name}' is missing required arguments: {arguments}",
        ("name", "arguments"),
    ),
    (
        r"Field '(?P<nodeName>\w+)' of type '\[?(?P<type>\w+)\S*' must have a selection",
        "selectionMismatch",
        (
            "Field must have selections (field '{nodeName}' returns {type} but has no selections. "
            "Did you mean '{nodeName} {{ ... }}'?)"
        ),
        ("nodeName",),
    ),
    (
        r"Field '(?P<nodeName>\w+)' must not have a selection since type '\[?(?P<type>\w+)\S*'",
        "selectionMismatch",
        (
            "Selections can't be made on scalars (field '{nodeName}' returns {type} "
            "but has selections)"
        ),
        ("nodeName",),
    ),
    (
        r"Unknown type '(?P<typeName>\w+)'",
        "undefinedType",
        "No such type {typeName}, so it can't be a fragment condition",
        ("typeName",),
    ),
    (
        (
            r"Variable '\$(?P<variableName>\w+)' of (?:required|non-null) type '(?P<type>\S+)' "
            r"(?:was not provided|must not be null)"
        ),
        "missingVariable",
        "Variable ${variableName} of type {type} was provided invalid value",
        ("variableName",),
    ),
    (
        r"Variable '\$(?P<variableName>\w+)' got invalid value",
        "invalidVariable",
        "Variable ${variableName} was provided invalid value",
        ("variableName",),
    ),
    (
        r"Variable '\$(?P<variableName>\w+)' is never used",
        "variableNotUsed",
        "Variable ${variableName} is declared by the operation but not used",
        ("variableName",),
    ),
    (
        r"Variable '\$(?P<variableName>\w+)' is not defined",
        "variableNotDefined",
        "Variable ${variableName} is used by the operation but not declared",
        ("variableName",),
    ),
)


def from_validation(raised: GraphQLError, paths: Mapping[int, list[str]]) -> dict[str, Any]:
    """An error of the document itself; such a query has no data at all."""
    message, extensions = _translate(raised.message)
    path = next((paths[id(node)] for node in raised.nodes or () if id(node) in paths), None)
    return {
        **({"path": path} if path else {}),
        **({"extensions": extensions} if extensions else {}),
        "locations": locations(raised),
        "message": message,
    }


def paths_of(document: DocumentNode) -> dict[int, list[str]]:
    """The path of each field, by the identity of its node: query, viewer, login."""
    found: dict[int, list[str]] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            name = definition.name.value if definition.name else ""
            start = f"{definition.operation.value} {name}".strip()
            _walk(definition.selection_set, [start], found)
        elif isinstance(definition, FragmentDefinitionNode):
            _walk(definition.selection_set, [f"fragment {definition.name.value}"], found)
    return found


def _walk(selected: SelectionSetNode | None, path: list[str], found: dict[int, list[str]]) -> None:
    for node in selected.selections if selected else ():
        if isinstance(node, FieldNode):
            here = [*path, (node.alias or node.name).value]
            found[id(node)] = here
            found.update(
                {id(argument): [*here, argument.name.value] for argument in node.arguments}
            )
            _walk(node.selection_set, here, found)
        elif isinstance(node, InlineFragmentNode):
            _walk(node.selection_set, [*path, _condition(node)], found)


def _condition(node: InlineFragmentNode) -> str:
    return f"... on {node.type_condition.name.value}" if node.type_condition else "..."


def _translate(message: str) -> tuple[str, Mapping[str, str]]:
    for pattern, code, words, kept in TRANSLATIONS:
        if found := re.match(pattern, message):
            named = found.groupdict()
            return words.format(**named), {"code": code, **{name: named[name] for name in kept}}
    return message, {}
