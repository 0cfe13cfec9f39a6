"""GraphQL's responses and refusals."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .conftest import Query

PULL_REQUEST = """
query($number: Int!) { repository(owner: "acme", name: "api") { pullRequest(number: $number) {
  __typename id fullDatabaseId number title state isDraft merged mergedAt
  author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
  mergedBy { login } mergeCommit { oid } headRepository { nameWithOwner }
  authorAssociation reviewDecision totalCommentsCount url
  labels(first: 10) { nodes { name } }
  commits(first: 10) { totalCount nodes { commit { oid authoredDate committedDate additions
    messageHeadline messageBody author { date user { login } } } } }
  reviews(first: 10) { nodes { fullDatabaseId state submittedAt author { login }
    comments { totalCount } } }
  timelineItems(first: 10, itemTypes: [REVIEW_REQUESTED_EVENT, MERGED_EVENT]) { nodes {
    __typename
    ... on ReviewRequestedEvent { createdAt requestedReviewer { ... on User { login } } }
    ... on MergedEvent { actor { login } commit { oid } } } }
} } }
"""


@pytest.fixture
def merged(query: Query) -> dict[str, Any]:
    answer = query(PULL_REQUEST, number=1)
    assert "errors" not in answer
    found: dict[str, Any] = answer["data"]["repository"]["pullRequest"]
    return found


def test_it_works(query: Query) -> None:
    assert query("{ viewer { login databaseId name email } }") == {
        "data": {
            "viewer": {
                "login": "alice",
                "databaseId": 1,
                "name": "Alice",
                "email": "alice@example.com",
            }
        }
    }


def test_a_pull_request_tells_its_story(merged: dict[str, Any]) -> None:
    assert merged["state"] == "MERGED"
    assert merged["mergedAt"] == "2026-03-02T12:00:00Z"
    assert merged["mergeCommit"] == {"oid": "b" * 40}
    assert merged["author"] == {"__typename": "User", "login": "alice", "databaseId": 1}
    assert merged["reviewDecision"] == "APPROVED"
    assert merged["labels"]["nodes"] == [{"name": "feature"}]
    assert merged["url"].endswith("/acme/api/pull/1")


def test_big_ids_are_strings(merged: dict[str, Any]) -> None:
    assert merged["fullDatabaseId"] == str(2**31 + 1)


def test_a_commit_keeps_its_offset_only_as_git_timestamp(merged: dict[str, Any]) -> None:
    [node] = merged["commits"]["nodes"]
    assert node["commit"] == {
        "oid": "a" * 40,
        "authoredDate": "2026-03-01T17:00:00Z",
        "committedDate": "2026-03-02T12:00:00Z",
        "additions": 12,
        "messageHeadline": "Add it",
        "messageBody": "With care.",
        "author": {"date": "2026-03-01T18:00:00+01:00", "user": {"login": "alice"}},
    }


def test_only_its_author_sees_a_pending_review(query: Query, merged: dict[str, Any]) -> None:
    assert [each["state"] for each in merged["reviews"]["nodes"]] == ["APPROVED"]
    own = query(PULL_REQUEST, token="ghp_bob", number=1)["data"]["repository"]["pullRequest"]
    pending = [each for each in own["reviews"]["nodes"] if each["state"] == "PENDING"]
    assert [each["submittedAt"] for each in pending] == [None]


def test_the_timeline_is_filtered_and_in_order(merged: dict[str, Any]) -> None:
    assert merged["timelineItems"]["nodes"] == [
        {
            "__typename": "ReviewRequestedEvent",
            "createdAt": "2026-03-02T09:00:00Z",
            "requestedReviewer": {"login": "bob"},
        },
        {"__typename": "MergedEvent", "actor": {"login": "alice"}, "commit": {"oid": "b" * 40}},
    ]


@pytest.mark.parametrize(
    ("number", "author"),
    [
        (4, {"__typename": "Bot", "login": "dependabot", "databaseId": 4}),
        (5, None),
    ],
)
def test_authors_may_be_bots_or_gone(query: Query, number: int, author: object) -> None:
    answer = query(PULL_REQUEST, number=number)
    assert answer["data"]["repository"]["pullRequest"]["author"] == author


def test_a_database_id_above_two_to_the_31_is_an_error_of_its_field(query: Query) -> None:
    answer = query(
        '{ repository(owner: "acme", name: "api") { pullRequest(number: 1) { databaseId } } }'
    )
    assert answer["data"] == {"repository": {"pullRequest": {"databaseId": None}}}
    [error] = answer["errors"]
    assert error["path"] == ["repository", "pullRequest", "databaseId"]
    assert "Int cannot represent" in error["message"]


def test_the_rate_limit_is_reported_and_deducted(query: Query) -> None:
    asked = "{ rateLimit { limit cost remaining used nodeCount resetAt } viewer { login } }"
    query(asked)
    limit = query(asked)["data"]["rateLimit"]
    assert {**limit, "resetAt": None} == {
        "limit": 5000,
        "cost": 1,
        "remaining": 4998,
        "used": 2,
        "nodeCount": 0,
        "resetAt": None,
    }


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ("{ viewer { nope } }", "undefinedField", "Field 'nope' doesn't exist on type 'User'"),
        (
            "{ viewer { login(a: 1) } }",
            "argumentNotAccepted",
            "Field 'login' doesn't accept argument 'a'",
        ),
        (
            '{ repository(name: "api") { id } }',
            "missingRequiredArguments",
            "Field 'repository' is missing required arguments: owner",
        ),
        (
            "{ viewer }",
            "selectionMismatch",
            (
                "Field must have selections (field 'viewer' returns User but has no selections. "
                "Did you mean 'viewer { ... }'?)"
            ),
        ),
    ],
)
def test_what_the_schema_does_not_know_is_refused(
    query: Query, asked: str, code: str, message: str
) -> None:
    answer = query(asked)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == code
    assert answer["errors"][0]["message"] == message


def test_a_refusal_says_where(query: Query) -> None:
    [error] = query("query Who { me: viewer { ... on User { nope } } }")["errors"]
    assert error["path"] == ["query Who", "me", "... on User", "nope"]
    assert error["locations"] == [{"line": 1, "column": 40}]


@pytest.mark.parametrize("given", [{}, {"n": None}, {"n": "many"}])
def test_a_variable_that_is_missing_or_wrong(query: Query, given: dict[str, Any]) -> None:
    asked = "query($n: Int!) { viewer { repositories(first: $n) { totalCount } } }"
    answer = query(asked, **given)
    assert "data" not in answer
    assert answer["errors"][0]["message"].startswith("Variable $n ")
    assert "was provided invalid value" in answer["errors"][0]["message"]


def test_variables_that_are_no_object(http: httpx.Client) -> None:
    reply = http.post("/api/graphql", json={"query": "{ viewer { id } }", "variables": [1]})
    assert reply.status_code == 200
    assert "data" not in reply.json()


def test_one_operation_of_several_is_named(http: httpx.Client) -> None:
    body = {"query": "query A { viewer { login } } query B { viewer { id } }"}
    assert "data" not in http.post("/api/graphql", json=body).json()
    named = http.post("/api/graphql", json={**body, "operationName": "B"})
    assert named.json() == {"data": {"viewer": {"id": "U_1"}}}


@pytest.mark.parametrize("asked", ["{", "query { viewer { login }", "?"])
def test_an_invalid_query_is_refused(query: Query, asked: str) -> None:
    assert query(asked)["errors"][0]["message"].startswith("Parse error")


def test_too_many_nodes_are_refused(query: Query) -> None:
    answer = query(
        """{ viewer { repositories(first: 100) { nodes { pullRequests(first: 100) { nodes {
             commits(first: 100) { nodes { id } } } } } } } }"""
    )
    assert "data" not in answer
    assert answer["errors"][0]["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert "1,010,100" in answer["errors"][0]["message"]


def test_what_is_gone_is_null_in_its_place(query: Query) -> None:
    answer = query('{ nodes(ids: ["PR_1", "PR_nope", "R_100"]) { __typename id } }')
    assert answer["data"]["nodes"] == [
        {"__typename": "PullRequest", "id": "PR_1"},
        None,
        {"__typename": "Repository", "id": "R_100"},
    ]
    [error] = answer["errors"]
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["nodes", 1])


def test_a_hundred_and_one_ids_are_too_many(query: Query) -> None:
    answer = query("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["PR_1"] * 101)
    assert answer["data"] is None
    assert answer["errors"][0]["type"] == "ARGUMENT_LIMIT"


def test_a_repository_that_is_not_there_is_not_found(query: Query) -> None:
    answer = query('{ repository(owner: "acme", name: "nope") { id } }')
    assert answer["data"] == {"repository": None}
    assert answer["errors"][0]["type"] == "NOT_FOUND"
    assert answer["errors"][0]["path"] == ["repository"]
    assert "'acme/nope'" in answer["errors"][0]["message"]


def test_without_a_token_there_is_no_graphql(http: httpx.Client) -> None:
    del http.headers["Authorization"]
    reply = http.post("/api/graphql", json={"query": "{ viewer { login } }"})
    assert reply.status_code == 401


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 200), (b"{}", 200)])
def test_a_body_without_a_query_is_refused(http: httpx.Client, body: bytes, status: int) -> None:
    reply = http.post("/api/graphql", content=body)
    assert reply.status_code == status
    assert "data" not in reply.json()
