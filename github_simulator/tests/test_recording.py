"""A recording is served as it was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from github_simulator.testing import running

RECORDING = Path(__file__).resolve().parents[3] / "shared" / "data" / "tls13-spec.json"

Json = dict[str, Any]

WALK = """
query($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) { databaseId defaultBranchRef { name }
    pullRequests(first: 60, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount pageInfo { hasNextPage endCursor } nodes {
        id fullDatabaseId number title body state createdAt updatedAt closedAt mergedAt
        author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        mergedBy { login } mergeCommit { oid } baseRefName headRefName headRefOid
        headRepository { nameWithOwner } additions deletions changedFiles totalCommentsCount
        labels(first: 100) { nodes { name } }
        commits(first: 100) { nodes { commit { oid authoredDate committedDate messageHeadline
          additions deletions changedFiles author { name date user { login } } } } }
        reviews(first: 100) { nodes { id fullDatabaseId state submittedAt updatedAt
          author { login } comments { totalCount } } }
        timelineItems(first: 100, itemTypes: [READY_FOR_REVIEW_EVENT, MERGED_EVENT, CLOSED_EVENT,
          REOPENED_EVENT, REVIEW_REQUESTED_EVENT]) { nodes { __typename
            ... on MergedEvent { createdAt actor { login } } } } } } } }
"""

SMALL: Json = {
    "source": "made up",
    "recorded_at": "2026-01-01T00:00:00Z",
    "organization": "acme",
    "users": [
        {"login": "alice", "id": 7, "type": "User"},
        {"login": "helper", "id": 8, "type": "Bot"},
    ],
    "repositories": [
        {
            "full_name": "acme/api",
            "id": 70,
            "default_branch": "trunk",
            "pulls": [
                {
                    "number": 3,
                    "node_id": "PR_three",
                    "database_id": 2**31 + 3,
                    "title": "Three",
                    "body": None,
                    "state": "MERGED",
                    "author": "helper",
                    "createdAt": "2026-01-01T10:00:00Z",
                    "updatedAt": "2026-01-03T10:00:00Z",
                    "closedAt": "2026-01-02T10:00:00Z",
                    "mergedAt": "2026-01-02T10:00:00Z",
                    "mergedBy": "alice",
                    "mergeCommit": "f" * 40,
                    "baseRefName": "trunk",
                    "headRefName": "three",
                    "headRefOid": "e" * 40,
                    "headRepository": None,
                    "labels": ["late"],
                    "comments": 4,
                    "additions": None,
                    "deletions": None,
                    "changedFiles": None,
                    "commits": [
                        {
                            "oid": "d" * 40,
                            "authoredDate": "2025-12-31T23:00:00-08:00",
                            "committedDate": "2026-01-01T09:00:00+01:00",
                            "authorName": "A. Lice",
                            "messageHeadline": "Do it",
                            "additions": 5,
                            "deletions": 1,
                            "changedFiles": 2,
                        }
                    ],
                    "reviews": [
                        {
                            "node_id": "PRR_one",
                            "database_id": 9,
                            "author": "alice",
                            "state": "APPROVED",
                            "submittedAt": "2026-01-02T09:00:00Z",
                            "updatedAt": "2026-01-02T09:00:00Z",
                            "comments": 1,
                        }
                    ],
                }
            ],
        }
    ],
}


def walk(path: Path, full_name: str) -> list[Json]:
    """All pull requests that the simulator serves of a recording, the newest first."""
    owner, _, name = full_name.partition("/")
    with running(data=path) as github, httpx.Client(base_url=github.url) as http:
        http.headers["Authorization"] = f"Bearer {github.token}"
        return list(_pages(http, owner, name))


def _pages(http: httpx.Client, owner: str, name: str) -> Iterator[Json]:
    after = None
    while True:
        variables = {"owner": owner, "name": name, "after": after}
        reply = http.post("/api/graphql", json={"query": WALK, "variables": variables})
        assert "errors" not in reply.json()
        pulls = reply.json()["data"]["repository"]["pullRequests"]
        yield from pulls["nodes"]
        if not pulls["pageInfo"]["hasNextPage"]:
            return
        after = pulls["pageInfo"]["endCursor"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL), encoding="utf-8")
    return path


def test_it_works(small: Path) -> None:
    [served] = walk(small, "acme/api")
    assert served["id"] == "PR_three"
    assert served["fullDatabaseId"] == str(2**31 + 3)
    assert served["author"] == {"__typename": "Bot", "login": "helper", "databaseId": 8}
    assert served["headRepository"] is None
    assert served["totalCommentsCount"] == 4
    assert served["mergeCommit"] == {"oid": "f" * 40}
    assert served["labels"]["nodes"] == [{"name": "late"}]


def test_what_the_recording_does_not_know(small: Path) -> None:
    """GitHub always has a number; and the timeline has only what follows from the recording."""
    [served] = walk(small, "acme/api")
    assert (served["additions"], served["deletions"], served["changedFiles"]) == (0, 0, 0)
    assert served["body"] == ""
    assert served["timelineItems"]["nodes"] == [
        {
            "__typename": "MergedEvent",
            "createdAt": "2026-01-02T10:00:00Z",
            "actor": {"login": "alice"},
        },
        {"__typename": "ClosedEvent"},
    ]


def test_a_commit_has_no_user_and_keeps_its_offset(small: Path) -> None:
    [served] = walk(small, "acme/api")
    [node] = served["commits"]["nodes"]
    assert node["commit"]["authoredDate"] == "2026-01-01T07:00:00Z"
    assert node["commit"]["committedDate"] == "2026-01-01T08:00:00Z"
    assert node["commit"]["author"] == {
        "name": "A. Lice",
        "date": "2025-12-31T23:00:00-08:00",
        "user": None,
    }


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording of tls13-spec is not at hand")
def test_every_field_of_a_real_repository() -> None:
    recorded = json.loads(RECORDING.read_text(encoding="utf-8"))
    users = {user["login"]: user for user in recorded["users"]}
    [repository] = recorded["repositories"]
    served = walk(RECORDING, repository["full_name"])
    updates = [each["updatedAt"] for each in served]
    assert updates == sorted(updates, reverse=True)
    by_number = {each["number"]: each for each in served}
    assert len(served) == len(by_number) == len(repository["pulls"]) == 998
    for pull in repository["pulls"]:
        assert by_number[pull["number"]] | {"timelineItems": None} == expected(pull, users)


def expected(pull: Json, users: dict[str, Json]) -> Json:
    """GitHub's response for a recorded pull request."""
    author = users[pull["author"]]
    same = ("number", "title", "state", "baseRefName", "headRefName", "headRefOid")
    instants = ("createdAt", "updatedAt", "closedAt", "mergedAt")
    return {
        **{name: pull[name] for name in same},
        **{name: zulu(pull[name]) for name in instants},
        "id": pull["node_id"],
        "fullDatabaseId": str(pull["database_id"]),
        "body": pull["body"] or "",
        "author": {
            "__typename": author["type"],
            "login": author["login"],
            "databaseId": author["id"],
        },
        "mergedBy": pull["mergedBy"] and {"login": pull["mergedBy"]},
        "mergeCommit": pull["mergeCommit"] and {"oid": pull["mergeCommit"]},
        "headRepository": pull["headRepository"] and {"nameWithOwner": pull["headRepository"]},
        "additions": pull["additions"] or 0,
        "deletions": pull["deletions"] or 0,
        "changedFiles": pull["changedFiles"] or 0,
        "totalCommentsCount": pull["comments"],
        "labels": {"nodes": [{"name": name} for name in pull["labels"]]},
        "commits": {"nodes": [{"commit": expected_commit(each)} for each in pull["commits"]]},
        "reviews": {"nodes": [expected_review(each) for each in in_order(pull["reviews"])]},
        "timelineItems": None,
    }


def expected_commit(commit: Json) -> Json:
    return {
        "oid": commit["oid"],
        "authoredDate": zulu(commit["authoredDate"]),
        "committedDate": zulu(commit["committedDate"]),
        "messageHeadline": commit["messageHeadline"],
        "additions": commit["additions"],
        "deletions": commit["deletions"],
        "changedFiles": commit["changedFiles"],
        "author": {
            "name": commit["authorName"],
            "date": commit["authoredDate"].replace("+00:00", "Z"),
            "user": None,
        },
    }


def in_order(reviews: list[Json]) -> list[Json]:
    return sorted(reviews, key=lambda review: (review["submittedAt"], review["database_id"]))


def expected_review(review: Json) -> Json:
    return {
        "id": review["node_id"],
        "fullDatabaseId": str(review["database_id"]),
        "state": review["state"],
        "submittedAt": zulu(review["submittedAt"]),
        "updatedAt": zulu(review["updatedAt"]),
        "author": review["author"] and {"login": review["author"]},
        "comments": {"totalCount": review["comments"]},
    }


def zulu(text: str | None) -> str | None:
    """The same instant in UTC, as GitHub's DateTime is written."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


AGENTS = RECORDING.with_name("agents.json")
SIGNED = """
query($name: String!) { repository(owner: "agents", name: $name) { pullRequests(first: 100) {
  nodes { number commits(first: 100) { nodes { commit { oid messageHeadline messageBody
    author { name email user { login databaseId } }
    committer { email } } } } } } } }
"""


@pytest.mark.skipif(not AGENTS.exists(), reason="the recording of agents is not beside the project")
def test_whose_commits_they_are() -> None:
    recorded = json.loads(AGENTS.read_text())
    people = {user["login"] for user in recorded["users"] if user["type"] == "User"}
    with running(data=AGENTS) as github:
        for repository in recorded["repositories"]:
            name = repository["full_name"].partition("/")[2]
            answer = httpx.post(
                f"{github.url}/api/graphql",
                json={"query": SIGNED, "variables": {"name": name}},
                headers={"Authorization": f"Bearer {github.token}"},
            ).json()
            served = {
                node["commit"]["oid"]: node["commit"]
                for pull in answer["data"]["repository"]["pullRequests"]["nodes"]
                for node in pull["commits"]["nodes"]
            }
            for commit in (c for pull in repository["pulls"] for c in pull["commits"]):
                mine = served[commit["oid"]]
                author = mine["author"]
                assert (author["name"], author["email"]) == (
                    commit["authorName"],
                    commit["authorEmail"],
                )
                assert mine["messageBody"] == commit["messageBody"]
                known = commit["authorLogin"] if commit["authorLogin"] in people else None
                assert (author["user"] or {}).get("login") == known
