"""The cost of a GraphQL query, by GitHub's published formula. Pure.

https://docs.github.com/graphql/overview/rate-limits-and-node-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

NODE_LIMIT = 500_000


@dataclass(frozen=True)
class Cost:
    """`requests` are one for each parent of each connection; `nodes` is the most it can return."""

    requests: int = 0
    nodes: int = 0

    @property
    def points(self) -> int:
        return max(1, int(self.requests / 100 + 0.5))

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.nodes + other.nodes)


def cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> Cost:
    """The cost of an operation that is valid in this schema."""
    root = schema.get_root_type(operation.operation)
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return _Counter(schema, fragments, variables).selections(operation.selection_set, root, 1)


@dataclass(frozen=True)
class _Counter:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def selections(
        self, selected: SelectionSetNode | None, parent: GraphQLNamedType | None, parents: int
    ) -> Cost:
        total = Cost()
        for selection in selected.selections if selected else ():
            if isinstance(selection, FieldNode):
                total += self._field(selection, parent, parents)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                total += self.selections(selection.selection_set, inner, parents)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self.fragments[selection.name.value]
                inner = self.schema.get_type(fragment.type_condition.name.value)
                total += self.selections(fragment.selection_set, inner, parents)
        return total

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, parents: int) -> Cost:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if definition is None:
            return Cost()
        kind = get_named_type(definition.type)
        count = self._count(node, kind)
        if count is None:
            return self.selections(node.selection_set, kind, parents)
        here = Cost(parents, parents * count)
        return here + self.selections(node.selection_set, kind, parents * count)

    def _count(self, node: FieldNode, kind: GraphQLNamedType) -> int | None:
        """How many children a parent can have here; None if the field is no connection."""
        arguments = {each.name.value: self._value(each.value) for each in node.arguments}
        if node.name.value == "nodes" and "ids" in arguments:
            return len(arguments["ids"] or ())
        if not kind.name.endswith("Connection"):
            return None
        asked = arguments.get("first") or arguments.get("last") or 0
        return max(0, int(asked))

    def _value(self, value: object) -> Any:
        if isinstance(value, VariableNode):
            return self.variables.get(value.name.value)
        if isinstance(value, IntValueNode):
            return int(value.value)
        return value.values if isinstance(value, ListValueNode) else None
