"""What we send to GitHub is held against what GitHub publishes."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import pytest
from graphql import (
    ASTValidationRule,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    build_schema,
    parse,
    specified_rules,
    validate,
)

from apps.integrations.github.documents import LISTS, document, rest_of_lists
from tests.program import ROOT

PUBLISHED = ROOT / "node_modules/@octokit/graphql-schema/schema.graphql"
FOLDER = ROOT / "apps/integrations/github/queries"
DOCUMENTS = {
    **{path.stem: document(path.stem) for path in FOLDER.glob("*.graphql")},
    "rest of each list": rest_of_lists(LISTS),
}
del DOCUMENTS["fragments"]  # they come with the documents that spread them
each_document = pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)


@cache
def published() -> GraphQLSchema:
    """GitHub's whole schema, as its package brings it."""
    return build_schema(PUBLISHED.read_text(), assume_valid_sdl=True)


def test_it_works() -> None:
    assert DOCUMENTS
    assert "PullRequest" in published().type_map


@each_document
def test_github_understands_each_document(text: str) -> None:
    assert messages(text, specified_rules) == []


@each_document
def test_no_document_asks_for_what_github_will_take_away(text: str) -> None:
    assert messages(text, [NoDeprecatedCustomRule]) == []


def messages(text: str, rules: Collection[type[ASTValidationRule]]) -> list[str]:
    return [error.message for error in validate(published(), parse(text), rules)]


def test_a_wrong_document_would_be_noticed() -> None:
    assert messages("query { viewer { loginName } }", specified_rules)
