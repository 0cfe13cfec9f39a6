"""Our schema has nothing that GitHub's published schema lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    build_schema,
    is_required_argument,
    validate_schema,
)

from github_simulator.graphql_schema import schema

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "node_modules" / "@octokit" / "graphql-schema" / "schema.graphql"

FieldedType = GraphQLObjectType | GraphQLInterfaceType


@pytest.fixture(scope="module")
def published() -> GraphQLSchema:
    return build_schema(PUBLISHED.read_text(encoding="utf-8"), assume_valid=True)


def ours() -> list[str]:
    return [name for name in schema().type_map if not name.startswith("__")]


def test_it_works() -> None:
    assert validate_schema(schema()) == []


@pytest.mark.parametrize("name", ours())
def test_every_type_is_one_of_github(published: GraphQLSchema, name: str) -> None:
    mine, theirs = schema().type_map[name], published.type_map[name]
    assert type(mine) is type(theirs)
    match mine, theirs:
        case (GraphQLEnumType(), GraphQLEnumType()):
            assert set(mine.values) <= set(theirs.values)
        case (GraphQLUnionType(), GraphQLUnionType()):
            assert {each.name for each in mine.types} <= {each.name for each in theirs.types}
        case (GraphQLInputObjectType(), GraphQLInputObjectType()):
            assert {key: str(field.type) for key, field in mine.fields.items()} == {
                key: str(field.type) for key, field in theirs.fields.items()
            }
        case (
            GraphQLObjectType() | GraphQLInterfaceType(),
            GraphQLObjectType() | GraphQLInterfaceType(),
        ):
            assert_fields_agree(mine, theirs)


def assert_fields_agree(mine: FieldedType, theirs: FieldedType) -> None:
    assert {each.name for each in mine.interfaces} <= {each.name for each in theirs.interfaces}
    for name, field in mine.fields.items():
        published_field = theirs.fields[name]
        assert str(field.type) == str(published_field.type), f"{mine.name}.{name}"
        for key, argument in field.args.items():
            known = published_field.args[key]
            assert str(argument.type) == str(known.type), f"{mine.name}.{name}({key})"
            assert argument.default_value == known.default_value
        for key, argument in published_field.args.items():
            needed = is_required_argument(argument) and argument.default_value is Undefined
            assert key in field.args or not needed, f"{mine.name}.{name} lacks {key}"
