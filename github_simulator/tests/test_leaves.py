"""Any leaf of a response can be null, or hold an invalid value."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import parse

from github_simulator.graphql_schema import schema
from github_simulator.leaves import leaves_of
from github_simulator.testing import Running

from .conftest import Query

WALK = """
{ repository(owner: "acme", name: "api") { pullRequests(first: 9) { totalCount nodes {
  number title author { login } mergedBy { login } closedAt
  commits(first: 9) { nodes { commit { additions authoredDate messageHeadline } } }
  reviews(first: 9) { nodes { author { login } submittedAt } }
  labels(first: 9) { nodes { name } } } } } }
"""
NULLABLE = [name for name, can in leaves_of(schema(), parse(WALK)).items() if can]
NEEDED = [name for name, can in leaves_of(schema(), parse(WALK)).items() if not can]


def pulls(answer: dict[str, Any]) -> list[Any]:
    found: list[Any] = answer["data"]["repository"]["pullRequests"]["nodes"]
    return found


def at(data: Any, path: list[str | int]) -> Any:
    """The value at a path, or the null on the way to it."""
    for step in path:
        if data is None:
            return None
        data = data[step]
    return data


@pytest.mark.parametrize("leaf", [*NULLABLE, *NEEDED])
def test_it_works(github: Running, query: Query, leaf: str) -> None:
    github.fault("null_leaf", leaf=leaf)
    answer = query(WALK)
    assert answer["errors"]
    for each in answer["errors"]:
        assert each["type"] == "SERVICE_UNAVAILABLE"
        assert each["path"][-1] == leaf.partition(".")[2]
        assert at(answer["data"], each["path"]) is None


def test_what_cannot_be_null_takes_its_node_along(github: Running, query: Query) -> None:
    github.fault("null_leaf", leaf="Commit.additions", of="a" * 40)
    answer = query(WALK)
    assert pulls(answer)[0]["commits"]["nodes"] == [None]
    assert pulls(answer)[0]["title"] == "Change 1"
    path = ["repository", "pullRequests", "nodes", 0, "commits", "nodes", 0, "commit", "additions"]
    assert [each["path"] for each in answer["errors"]] == [path]


def test_only_one_pull_request_and_without_an_error(github: Running, query: Query) -> None:
    github.fault("null_leaf", leaf="PullRequest.author", of=2, silent=True)
    answer = query(WALK)
    authors = [each["author"] for each in pulls(answer)[:3]]
    assert authors == [{"login": "alice"}, None, {"login": "charlie"}]
    assert "errors" not in answer


def test_several_at_once_and_by_an_interface(github: Running, query: Query) -> None:
    github.fault("null_leaf", leaf="Actor.login", of="U_2")
    github.fault("null_leaf", leaf="PullRequest.title", of=3)
    answer = query(WALK)
    assert [each and each["author"] for each in pulls(answer)[:3]] == [
        {"login": "alice"},
        None,
        None,
    ]
    assert pulls(answer)[2] is None


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-01:00", "292278994-08-17T07:12:55Z"])
def test_an_impossible_timestamp(github: Running, query: Query, instant: str) -> None:
    github.fault("strange_leaf", leaf="Commit.authoredDate", value=instant)
    commits = pulls(query(WALK))[0]["commits"]["nodes"]
    assert commits[0]["commit"]["authoredDate"] == instant


@pytest.mark.parametrize(("title", "sent"), [("a\ud83db", rb"a\ud83db"), ("a\udcffb", b"a\xffb")])
def test_invalid_texts(github: Running, http: httpx.Client, title: str, sent: bytes) -> None:
    github.act("edit", repository="acme/api", number=2, actor="bob", title=title)
    assert sent in http.post("/api/graphql", json={"query": WALK}).content
    assert sent in http.get("/api/v3/repos/acme/api/pulls/2").content
    assert http.get("/acme/api/pull/2").status_code == 200
    truth = http.get("/_control/truth/acme/api").json()
    assert truth["pull_requests"][1]["title"] == title


def test_a_list_without_items_or_end(github: Running, query: Query) -> None:
    github.fault("endless_list", leaf="Repository.pullRequests")
    text = WALK.replace("totalCount", "totalCount pageInfo { hasNextPage endCursor }")
    pages = [query(text)["data"]["repository"]["pullRequests"] for _ in range(2)]
    assert all(page["nodes"] == [] and page["pageInfo"]["hasNextPage"] for page in pages)
    assert pages[0]["pageInfo"]["endCursor"] != pages[1]["pageInfo"]["endCursor"]


def test_a_leaf_has_a_type(github: Running) -> None:
    with pytest.raises(ValueError, match="A leaf is a type and a field"):
        github.fault("null_leaf", leaf="additions")
