"""Points and nodes, against the examples in GitHub's documentation."""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from github_simulator.cost import Cost, cost

# What the documentation's examples query, reduced to what counts.
SCHEMA = build_schema(
    """
    type Query { viewer: User!  nodes(ids: [ID!]!): [User]! }
    type User { login: String!
      repositories(first: Int, last: Int): RepositoryConnection!
      followers(first: Int, last: Int): UserConnection! }
    type UserConnection { nodes: [User] totalCount: Int! }
    type RepositoryConnection { nodes: [Repository] }
    type Repository { issues(first: Int, last: Int): IssueConnection!
      pullRequests(first: Int, last: Int): IssueConnection! }
    type IssueConnection { nodes: [Issue] }
    type Issue { id: ID! comments(first: Int, last: Int): CommentConnection!
      labels(first: Int, last: Int): LabelConnection! }
    type CommentConnection { nodes: [Comment] }
    type Comment { id: ID! }
    type LabelConnection { nodes: [Label] }
    type Label { id: ID! name: String! }
    """
)


def price(text: str, **variables: object) -> Cost:
    document = parse(text)
    operation = next(
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    return cost(SCHEMA, document, operation, variables)


def test_it_works() -> None:
    """The example of the rate limit: 5,101 requests are 51 points."""
    found = price(
        """{ viewer { login repositories(first: 100) { nodes { issues(first: 50) { nodes { id
             labels(first: 60) { nodes { id name } } } } } } } }"""
    )
    assert found.requests == 5101
    assert found.points == 51


def test_nodes_are_counted_as_documented() -> None:
    """The example of the node limit: 22,060 nodes."""
    found = price(
        """{ viewer { repositories(first: 50) { nodes {
               pullRequests(first: 20) { nodes { comments(first: 10) { nodes { id } } } }
               issues(first: 20) { nodes { comments(first: 10) { nodes { id } } } } } }
             followers(first: 10) { nodes { login } } } }"""
    )
    assert found.nodes == 22_060


@pytest.mark.parametrize(("requests", "points"), [(0, 1), (149, 1), (150, 2), (250, 3), (5101, 51)])
def test_points_are_rounded(requests: int, points: int) -> None:
    assert Cost(requests).points == points


def test_fragments_aliases_and_variables_count() -> None:
    found = price(
        """query($n: Int) { a: viewer { ...Own } b: viewer { ... on User { ...Own } } }
           fragment Own on User { repositories(last: $n) { nodes { issues(first: 5) {
             nodes { id } } } } }""",
        n=7,
    )
    assert found == Cost(requests=2 * (1 + 7), nodes=2 * (7 + 35))


def test_a_hundred_ids_cost_a_point() -> None:
    found = price(
        "query($ids: [ID!]!) { nodes(ids: $ids) { repositories(first: 1) { nodes { "
        "issues(last: 1) { nodes { id } } } } } }",
        ids=[str(number) for number in range(100)],
    )
    assert found.requests == 1 + 100 + 100
    assert found.points == 2


def test_a_count_alone_asks_for_no_nodes() -> None:
    assert price("{ viewer { followers { totalCount } } }").nodes == 0
