"""Every field of the schema can be queried in the generated world without failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from github_simulator.generator import generate
from github_simulator.graphql_schema import schema
from github_simulator.testing import Running, running

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
TOO_BIG = "Int cannot represent"  # a databaseId above 2^31: an error on GitHub, too


def selection(kind: GraphQLNamedType, depth: int) -> str:
    """Every field of a type, and of what it leads to, to this depth."""
    if isinstance(kind, GraphQLUnionType):
        return " ".join(f"... on {each.name} {{ {selection(each, depth)} }}" for each in kind.types)
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    asked = [field(f"{kind.name}_{name}", name, each, depth) for name, each in kind.fields.items()]
    return " ".join(["__typename", *(each for each in asked if each)])


def field(alias: str, name: str, asked: GraphQLField, depth: int) -> str:
    """The field under an alias of its own: types of a union may disagree on nullability."""
    kind = get_named_type(asked.type)
    if any(is_required_argument(each) for each in asked.args.values()):
        return ""
    arguments = "(first: 2)" if "first" in asked.args else ""
    if is_leaf_type(kind):
        return f"{alias}: {name}"
    if depth == 0:
        return ""
    return f"{alias}: {name}{arguments} {{ {selection(kind, depth - 1)} }}"


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    with running(generate(7, NOW)) as started:
        yield started


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("viewer", "User"),
        ('organization(login: "acme")', "Organization"),
        ('repository(owner: "acme", name: "web")', "Repository"),
        ("rateLimit", "RateLimit"),
    ],
)
def test_it_works(github: Running, start: str, kind: str) -> None:
    query = f"{{ {start} {{ {selection(schema().type_map[kind], 4)} }} }}"
    reply = httpx.post(
        f"{github.url}/api/graphql",
        json={"query": query},
        headers={"Authorization": f"Bearer {github.token}"},
        timeout=60,
    )
    answer = reply.json()
    assert reply.status_code == 200
    assert answer["data"]
    assert [e for e in answer.get("errors", []) if not e["message"].startswith(TOO_BIG)] == []
