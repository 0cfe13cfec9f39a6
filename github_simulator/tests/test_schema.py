"""Our schema has nothing that GitHub's published schema lacks."""

from __future__ import annotations

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
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


def ours() -> list[str]:
    return [name for name in schema().type_map if not name.startswith("__")]


def test_it_works() -> None:
    assert validate_schema(schema()) == []


def test_every_type_is_one_of_github() -> None:
    published = build_schema(PUBLISHED.read_text(encoding="utf-8"), assume_valid=True)
    for name in ours():
        assert name in published.type_map
        assert_types_agree(name, schema().type_map[name], published.type_map[name])


def assert_types_agree(name: str, mine: GraphQLNamedType, theirs: GraphQLNamedType) -> None:
    assert type(mine) is type(theirs), name
    match mine, theirs:
        case (GraphQLEnumType(), GraphQLEnumType()):
            assert set(mine.values) <= set(theirs.values), name
        case (GraphQLUnionType(), GraphQLUnionType()):
            types = {each.name for each in theirs.types}
            assert {each.name for each in mine.types} <= types, name
        case (GraphQLInputObjectType(), GraphQLInputObjectType()):
            assert {key: str(field.type) for key, field in mine.fields.items()} == {
                key: str(field.type) for key, field in theirs.fields.items()
            }, name
        case (
            GraphQLObjectType() | GraphQLInterfaceType(),
            GraphQLObjectType() | GraphQLInterfaceType(),
        ):
            assert_fields_agree(mine, theirs)


def assert_fields_agree(mine: FieldedType, theirs: FieldedType) -> None:
    interfaces = {each.name for each in theirs.interfaces}
    assert {each.name for each in mine.interfaces} <= interfaces, mine.name
    for name, field in mine.fields.items():
        published_field = theirs.fields[name]
        assert str(field.type) == str(published_field.type), f"{mine.name}.{name}"
        for key, argument in field.args.items():
            known = published_field.args[key]
            assert str(argument.type) == str(known.type), f"{mine.name}.{name}({key})"
            assert argument.default_value == known.default_value, f"{mine.name}.{name}({key})"
        for key, argument in published_field.args.items():
            needed = is_required_argument(argument) and argument.default_value is Undefined
            assert key in field.args or not needed, f"{mine.name}.{name} lacks {key}"
