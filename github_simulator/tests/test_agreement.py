"""REST and GraphQL return the same for the same pull request, each in its own form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from github_simulator.generator import generate
from github_simulator.testing import running

QUERY = """
query ($name: String!, $after: String) {
  repository(owner: "acme", name: $name) {
    pullRequests(first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        fullDatabaseId id number title body state isDraft url additions deletions changedFiles
        totalCommentsCount createdAt updatedAt closedAt mergedAt baseRefName headRefName headRefOid
        author { __typename login }
        mergedBy { login }
        headRepository { nameWithOwner }
        labels(first: 100) { nodes { name } }
        commits { totalCount }
        reviews(first: 100) { nodes { fullDatabaseId id state submittedAt author { login } } }
      }
    }
  }
}
"""


@pytest.fixture(scope="module")
def alice() -> Iterator[httpx.Client]:
    world = generate(21, datetime.now(UTC), repositories=14, pull_requests=700)
    with running(world) as github:
        headers = {"authorization": f"Bearer {github.token}"}
        with httpx.Client(base_url=github.url, headers=headers) as client:
            yield client


def by_graphql(alice: httpx.Client, name: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        sent = {"query": QUERY, "variables": {"name": name, "after": after}}
        answer = alice.post("/api/graphql", json=sent).json()
        assert "errors" not in answer, answer["errors"]
        page = answer["data"]["repository"]["pullRequests"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def login(rest: dict[str, Any] | None) -> str | None:
    """REST has a ghost and a suffix where GraphQL has neither."""
    found = str(rest["login"]).removesuffix("[bot]") if rest else "ghost"
    return None if found == "ghost" else found


SAME = {
    "node_id": "id",
    "number": "number",
    "title": "title",
    "html_url": "url",
    "additions": "additions",
    "deletions": "deletions",
    "changed_files": "changedFiles",
    "draft": "isDraft",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "closed_at": "closedAt",
    "merged_at": "mergedAt",
}


@pytest.mark.parametrize("name", ["billing-service", "design-system"])
def test_it_works(alice: httpx.Client, name: str) -> None:
    seen = 0
    for said in by_graphql(alice, name):
        address = f"/api/v3/repos/acme/{name}/pulls/{said['number']}"
        rest = alice.get(address).json()
        assert {mine: rest[mine] for mine in SAME} == {m: said[t] for m, t in SAME.items()}
        assert from_rest(rest) == from_graphql(said)
        assert reviews(alice, address)[:100] == [
            (node["fullDatabaseId"], node["state"], node["submittedAt"], of(node["author"]))
            for node in said["reviews"]["nodes"]
        ]
        seen += 1
    assert seen > 20


def from_rest(rest: dict[str, Any]) -> dict[str, Any]:
    """Fields with another name in REST."""
    return {
        "id": str(rest["id"]),
        "body": rest["body"] or "",
        "state": "MERGED" if rest["merged"] else rest["state"].upper(),
        "author": login(rest["user"]),
        "merger": login(rest["merged_by"]),
        "comments": rest["comments"] + rest["review_comments"],
        "commits": rest["commits"],
        "labels": [label["name"] for label in rest["labels"]],
        "head": (rest["head"]["ref"], rest["head"]["sha"], bool(rest["head"]["repo"])),
        "base": rest["base"]["ref"],
    }


def from_graphql(said: dict[str, Any]) -> dict[str, Any]:
    """The same from GraphQL."""
    return {
        "id": said["fullDatabaseId"],
        "body": said["body"],
        "state": said["state"],
        "author": of(said["author"]),
        "merger": of(said["mergedBy"]),
        "comments": said["totalCommentsCount"],
        "commits": said["commits"]["totalCount"],
        "labels": [node["name"] for node in said["labels"]["nodes"]],
        "head": (said["headRefName"], said["headRefOid"], bool(said["headRepository"])),
        "base": said["baseRefName"],
    }


def of(actor: dict[str, Any] | None) -> str | None:
    return actor["login"] if actor else None


def reviews(alice: httpx.Client, address: str) -> list[tuple[str, str, str | None, str | None]]:
    found: list[tuple[str, str, str | None, str | None]] = []
    for review in alice.get(f"{address}/reviews", params={"per_page": 100}).json():
        submitted_at, author = review.get("submitted_at"), login(review["user"])
        found.append((str(review["id"]), review["state"], submitted_at, author))
    return found
