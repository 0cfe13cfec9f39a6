"""Our queries are checked against GitHub's published schema."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    ASTValidationRule,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)

from apps.integrations.github.documents import (
    LATER_EVENTS,
    LISTS,
    document,
    numbered,
    pull_requests_in_parts,
    rest_of_lists,
)
from apps.integrations.github.limits import LARGEST_PAGE, points
from apps.integrations.github.parts import AT_ONCE
from github_simulator.cost import NODE_LIMIT, cost
from tests.program import ROOT

# `make schema` names a newer one.
PUBLISHED = Path(
    os.environ.get("GITHUB_SCHEMA") or ROOT / "node_modules/@octokit/graphql-schema/schema.graphql"
)
LATER = frozenset(LATER_EVENTS)
FOLDER = ROOT / "apps/integrations/github/queries"
DOCUMENTS = {
    **{path.stem: document(path.stem) for path in FOLDER.glob("*.graphql")},
    "later: pull_requests": document("pull_requests", LATER),
    "later: pull_requests_by_id": document("pull_requests_by_id", LATER),
    "rest of each list": rest_of_lists((name, True) for name in LISTS),
    "later: rest of each list": rest_of_lists(((name, True) for name in LISTS), LATER),
    "in parts": pull_requests_in_parts()[0],
    "later: in parts": pull_requests_in_parts(LATER)[0],
    "by number": numbered(range(1, 101)),
}
del DOCUMENTS["fragments"]  # they come with the documents that spread them
each_document = pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)


@cache
def published() -> GraphQLSchema:
    """GitHub's whole schema, from its package."""
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


# Variables, and requests by GitHub's formula: one for each parent of each connection.
COSTS: dict[str, tuple[dict[str, Any], int]] = {
    "pull_requests": ({"first": 37}, 1 + 4 * 37),
    "pull_requests_on_top": ({"first": 36}, 2 + 4 * 36),
    "open_pull_requests": ({}, 2),
    "pull_requests_by_id": ({"ids": ["PR"] * 37}, 1 + 4 * 37),
    "newest_changes": ({"ids": ["R"] * 100}, 1 + 100),
    "pull_request_names": ({"first": 37}, 2),
    "pull_request_counts": ({"ids": ["R"] * 100}, 1 + 100),
    "repository": ({}, 1),
    "co_authors": ({"ids": ["C"] * 100}, 1 + 100),
    "rest of each list": ({}, 3 * len(LISTS)),
    "by number": ({}, 1),
    "in parts": ({"ids": ["PR"] * AT_ONCE}, 43 + 21 * AT_ONCE),
    "members": ({"first": 100}, 1),
    "groups": ({"first": 50}, 1 + 50),
    "group_members": ({"first": 100}, 1),
    "newest_deliveries": ({"ids": ["R"] * 100}, 1 + 2 * 100),
    "newest_releases": ({"ids": ["R"] * 100}, 1 + 100),
    "deployments": ({"first": 100}, 2 + 100),
    "deployments_by_id": ({"ids": ["DE"] * 100}, 1 + 100),
    "deployment_statuses": ({}, 2),
    "releases": ({}, 2),
    "branch_tip": ({"first": 100}, 2 + 100),
    "branch_history": ({"first": 100}, 2 + 100),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_each_document_costs(name: str) -> None:
    variables, requests = COSTS[name.removeprefix("later: ")]
    document = parse(DOCUMENTS[name])
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    price = cost(published(), document, operation, variables)
    assert price.requests == requests
    assert price.points == points(requests) == (2 if name == "newest_deliveries" else 1)
    assert price.nodes < NODE_LIMIT


def test_one_more_on_a_page_would_cost_twice_as_much() -> None:
    assert points(1 + 4 * LARGEST_PAGE) == 1
    assert points(1 + 4 * (LARGEST_PAGE + 1)) == 2
