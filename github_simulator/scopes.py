"""The OAuth scopes that a GraphQL query needs, checked before it runs, as GitHub does."""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

from .access import expand
from .world import Token

# (type, field): any one of these scopes is enough
NEEDED: dict[tuple[str, str], tuple[str, ...]] = {
    ("User", "email"): ("user:email", "read:user"),
    ("User", "organizations"): ("read:org",),
    ("Organization", "membersWithRole"): ("read:org",),
    ("Organization", "teams"): ("read:org",),
    ("Organization", "team"): ("read:org",),
    **{
        ("Team", name): ("read:org", "read:discussion")
        for name in ("name", "slug", "combinedSlug", "description", "members", "databaseId")
    },
}


def missing(schema: GraphQLSchema, document: DocumentNode, token: Token) -> list[dict[str, Any]]:
    """One error for each field that the token's scopes do not include."""
    if token.organizations is not None:
        return []  # a fine-grained token has permissions instead
    types = TypeInfo(schema)
    visitor = _ScopeVisitor(types, token)
    visit(document, TypeInfoVisitor(types, visitor))
    return visitor.errors


class _ScopeVisitor(Visitor):
    def __init__(self, types: TypeInfo, token: Token) -> None:
        super().__init__()
        self.types = types
        self.scopes = token.scopes
        self.granted = expand(token.scopes)
        self.errors: list[dict[str, Any]] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self.types.get_parent_type()
        needed = NEEDED.get((parent.name if parent else "", node.name.value))
        if needed and not self.granted.intersection(needed):
            self.errors.append(self._error(node, needed))

    def _error(self, node: FieldNode, needed: tuple[str, ...]) -> dict[str, Any]:
        where = node.loc.source.get_location(node.loc.start) if node.loc else None
        return {
            "type": "INSUFFICIENT_SCOPES",
            "locations": [{"line": where.line, "column": where.column}] if where else [],
            "message": (
                "Your token has not been granted the required scopes to execute this query. "
                f"The '{node.name.value}' field requires one of the following scopes: "
                f"{list(needed)}, but your token has only been granted the: "
                f"{self.scopes} scopes. Please modify your token's scopes at: "
                "https://github.com/settings/tokens."
            ),
        }
