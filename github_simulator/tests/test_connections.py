"""Pages: GitHub's requirements, and what a cursor survives."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from github_simulator.testing import Running

from .conftest import MORNING, Query, pull_request

PAGE = """
query($first: Int, $last: Int, $after: String, $before: String) {
  repository(owner: "acme", name: "api") {
    pullRequests(first: $first, last: $last, after: $after, before: $before,
                 orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor } nodes { number } } } }
"""


def page(query: Query, **arguments: Any) -> dict[str, Any]:
    answer = query(PAGE, **arguments)
    assert "errors" not in answer
    found: dict[str, Any] = answer["data"]["repository"]["pullRequests"]
    return found


def numbers(found: dict[str, Any]) -> list[int]:
    return [each["number"] for each in found["nodes"]]


def test_it_works(query: Query) -> None:
    first = page(query, first=2)
    assert numbers(first) == [5, 4]
    assert first["totalCount"] == 5
    assert first["pageInfo"]["hasNextPage"]
    assert not first["pageInfo"]["hasPreviousPage"]
    second = page(query, first=2, after=first["pageInfo"]["endCursor"])
    assert numbers(second) == [3, 2]
    third = page(query, first=2, after=second["pageInfo"]["endCursor"])
    assert numbers(third) == [1]
    assert not third["pageInfo"]["hasNextPage"]


def test_backwards(query: Query) -> None:
    last = page(query, last=2)
    assert numbers(last) == [2, 1]
    assert last["pageInfo"]["hasPreviousPage"]
    assert numbers(page(query, last=2, before=last["pageInfo"]["startCursor"])) == [4, 3]


def test_a_cursor_survives_what_happens_between_two_pages(github: Running, query: Query) -> None:
    first = page(query, first=2)
    pulls = github.simulator.world.repositories[100].pull_requests
    pulls[6] = pull_request(6, None)  # a new one, on top
    pulls[2].updated_at = pulls[6].updated_at.replace(day=9)  # an old one jumps to the top
    second = page(query, first=2, after=first["pageInfo"]["endCursor"])
    assert numbers(second) == [3, 1]


def test_equal_instants_are_told_apart(github: Running, query: Query) -> None:
    pulls = github.simulator.world.repositories[100].pull_requests
    for pull in pulls.values():
        pull.updated_at = MORNING
    seen, after = [], None
    for _ in pulls:
        found = page(query, first=1, after=after)
        seen += numbers(found)
        after = found["pageInfo"]["endCursor"]
    assert sorted(seen) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({}, "MISSING_PAGINATION_BOUNDARIES"),
        ({"first": 101}, "EXCESSIVE_PAGINATION"),
        ({"last": 101}, "EXCESSIVE_PAGINATION"),
        ({"first": 0}, "INVALID_PAGINATION"),
        ({"first": -1}, "INVALID_PAGINATION"),
        ({"first": 1, "last": 1}, "INVALID_PAGINATION"),
        ({"first": 1, "after": "nonsense"}, "INVALID_CURSOR_ARGUMENTS"),
        ({"first": 1, "after": base64.b64encode(b"[1]").decode()}, "INVALID_CURSOR_ARGUMENTS"),
        (
            {"first": 1, "after": base64.b64encode(b'cursor:v2:["x"]').decode()},
            "INVALID_CURSOR_ARGUMENTS",
        ),
    ],
)
def test_boundaries_are_insisted_on(query: Query, arguments: dict[str, Any], kind: str) -> None:
    answer = query(PAGE, **arguments)
    assert answer["data"] == {"repository": None}
    assert answer["errors"][0]["type"] == kind
    assert answer["errors"][0]["path"] == ["repository", "pullRequests"]


def test_a_mere_count_needs_no_boundaries(query: Query) -> None:
    answer = query('{ repository(owner: "acme", name: "api") { pullRequests { totalCount } } }')
    assert answer == {"data": {"repository": {"pullRequests": {"totalCount": 5}}}}


def test_states_and_branches_filter(query: Query) -> None:
    answer = query(
        """{ repository(owner: "acme", name: "api") {
             merged: pullRequests(first: 9, states: [MERGED]) { nodes { number } }
             branch: pullRequests(first: 9, headRefName: "branch-3") { nodes { number } } } }"""
    )
    assert answer["data"]["repository"] == {
        "merged": {"nodes": [{"number": 1}]},
        "branch": {"nodes": [{"number": 3}]},
    }
