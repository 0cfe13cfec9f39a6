"""Faults on purpose, as a client meets them."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from github_simulator.testing import running

from .conftest import Query, acme

VIEWER = {"query": "{ viewer { login } }"}
WALK = """
query($after: String) { repository(owner: "acme", name: "api") {
  pullRequests(first: 2, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
    pageInfo { hasNextPage endCursor } nodes { number } } } }
"""
GOOD = {"data": {"viewer": {"login": "alice"}}}


def fault(http: httpx.Client, kind: str, **more: Any) -> None:
    reply = http.post("/_control/faults", json={"kind": kind, **more})
    assert reply.status_code == 201


def ask(http: httpx.Client) -> httpx.Response:
    return http.post("/api/graphql", json=VIEWER)


def test_it_works(http: httpx.Client) -> None:
    fault(http, "server_error", status=504, times=1)
    assert ask(http).status_code == 504
    assert ask(http).json() == GOOD


def test_the_nth_request(http: httpx.Client) -> None:
    fault(http, "server_error", nth=3)
    assert [ask(http).status_code for _ in range(4)] == [200, 200, 502, 200]


def test_a_share_of_the_requests_the_same_every_time() -> None:
    def statuses() -> list[int]:
        with running(acme(), seed=7) as github:
            headers = {"Authorization": "Bearer ghp_alice"}
            with httpx.Client(base_url=github.url, headers=headers) as http:
                fault(http, "server_error", rate=0.5)
                return [ask(http).status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 502}
    assert statuses() == first


def test_only_the_address_and_body_that_it_concerns(http: httpx.Client) -> None:
    fault(http, "server_error", path="/api/graphql", contains="pullRequests")
    assert ask(http).json() == GOOD
    asked = '{ repository(owner: "acme", name: "api") { pullRequests { totalCount } } }'
    assert http.post("/api/graphql", json={"query": asked}).status_code == 502
    assert http.get("/api/v3/no/such/address").status_code == 404


def test_signing_in_can_fail_too(http: httpx.Client) -> None:
    fault(http, "server_error", status=503, path="/login/oauth/", times=1)
    form = {"client_id": "x", "client_secret": "y", "code": "z"}
    assert http.post("/login/oauth/access_token", data=form).status_code == 503
    assert http.post("/login/oauth/access_token", data=form).status_code != 503


def test_rest_fails_in_its_own_shapes(http: httpx.Client) -> None:
    fault(http, "primary_limit", status=429, seconds=30, times=1)
    spent = http.get("/api/v3/user")
    assert (spent.status_code, spent.headers["x-ratelimit-remaining"]) == (429, "0")
    assert "rate limit" in spent.json()["message"]
    http.delete("/_control/faults")
    fault(http, "secondary_limit", times=1)
    fast = http.get("/api/v3/user")
    assert (fast.status_code, fast.headers["x-ratelimit-remaining"]) == (403, "4998")
    assert http.get("/api/v3/user").status_code == 200


def test_a_cut_connection(http: httpx.Client) -> None:
    fault(http, "cut", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(http)
    assert ask(http).json() == GOOD


def test_half_a_reply(http: httpx.Client) -> None:
    fault(http, "half_body", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="message body"):
        ask(http)


def test_no_reply_at_all(http: httpx.Client) -> None:
    fault(http, "timeout", times=1)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/graphql", json=VIEWER, timeout=0.2)


def test_no_data(http: httpx.Client) -> None:
    fault(http, "null_data", times=1)
    reply = ask(http)
    assert reply.status_code == 200
    assert reply.json()["data"] is None
    assert "Something went wrong while executing your query" in reply.json()["errors"][0]["message"]


def test_too_heavy(http: httpx.Client) -> None:
    fault(http, "resource_limits", times=1)
    assert ask(http).json()["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"


def test_half_of_a_page(http: httpx.Client, query: Query) -> None:
    fault(http, "partial_data", times=1)
    asked = """{ repository(owner: "acme", name: "api") {
      pullRequests(first: 4) { nodes { number } } } }"""
    answer = query(asked)
    nodes = answer["data"]["repository"]["pullRequests"]["nodes"]
    assert nodes == [{"number": 1}, {"number": 2}, None, None]
    assert {(each["type"], each["path"][-1]) for each in answer["errors"]} == {
        ("RESOURCE_LIMITS_EXCEEDED", 2),
        ("RESOURCE_LIMITS_EXCEEDED", 3),
    }


@pytest.mark.parametrize("newer", [False, True])
def test_the_primary_limit(http: httpx.Client, newer: bool) -> None:
    fault(http, "primary_limit", newer=newer, seconds=30, times=1)
    reply = ask(http)
    assert reply.status_code == 200
    assert reply.headers["x-ratelimit-remaining"] == "0"
    assert reply.json()["errors"][0]["type"] == ("RATE_LIMIT" if newer else "RATE_LIMITED")


@pytest.mark.parametrize(
    ("more", "status", "retry_after"),
    [({"seconds": 7}, 200, "7"), ({"status": 403}, 403, None), ({"status": 429}, 429, None)],
)
def test_the_secondary_limit(
    http: httpx.Client, more: dict[str, int], status: int, retry_after: str | None
) -> None:
    fault(http, "secondary_limit", times=1, **more)
    reply = ask(http)
    assert (reply.status_code, reply.headers.get("retry-after")) == (status, retry_after)
    assert "secondary rate limit" in reply.text


def test_a_token_that_dies_once(http: httpx.Client) -> None:
    fault(http, "unauthorized", times=1)
    assert ask(http).status_code == 401
    assert ask(http).json() == GOOD


def walk(query: Query) -> list[int]:
    """The numbers of all pull requests, two a page, the newest first."""
    found: list[int] = []
    after = None
    while True:
        pulls = query(WALK, after=after)["data"]["repository"]["pullRequests"]
        found += [each["number"] for each in pulls["nodes"]]
        if not pulls["pageInfo"]["hasNextPage"]:
            return found
        after = pulls["pageInfo"]["endCursor"]


def test_a_shifted_page_repeats_and_loses_nothing(http: httpx.Client, query: Query) -> None:
    fault(http, "shifted_page", nth=2)
    assert walk(query) == [5, 4, 4, 3, 2, 1]


def test_a_duplicated_page(http: httpx.Client, query: Query) -> None:
    fault(http, "duplicated_page", nth=1)
    assert walk(query) == [5, 5, 4, 4, 3, 2, 1]


def test_a_query_that_takes_too_long_is_given_up_and_paid() -> None:
    with running(acme(), node_latency=0.1, patience=0.15) as github:
        headers = {"Authorization": "Bearer ghp_alice"}
        asked = (
            '{ repository(owner: "acme", name: "api") { '
            "pullRequests(first: %d) { nodes { number } } } }"
        )
        with httpx.Client(base_url=github.url, headers=headers) as http:
            heavy = http.post("/api/graphql", json={"query": asked % 2})
            light = http.post("/api/graphql", json={"query": asked % 1})
    assert (heavy.status_code, light.status_code) == (502, 200)
    assert light.headers["x-ratelimit-used"] == "3"


def test_an_unknown_fault_is_refused(http: httpx.Client) -> None:
    reply = http.post("/_control/faults", json={"kind": "meteor"})
    assert reply.status_code == 400
    assert "meteor" in reply.json()["error"]


def test_faults_end_when_they_are_cleared(http: httpx.Client) -> None:
    fault(http, "server_error")
    assert http.delete("/_control/faults").status_code == 204
    assert ask(http).json() == GOOD


@pytest.mark.parametrize("kind", ["SERVICE_UNAVAILABLE", "INTERNAL", "SOMETHING_NEW"])
def test_an_error_of_any_type(http: httpx.Client, kind: str) -> None:
    fault(http, "graphql_error", type=kind, message="Not now.", times=1)
    assert http.get("/api/v3/user").status_code == 200
    struck = ask(http)
    assert struck.status_code == 200
    assert struck.json() == {"data": None, "errors": [{"type": kind, "message": "Not now."}]}
    assert ask(http).json() == GOOD


def test_an_error_without_a_type(http: httpx.Client) -> None:
    fault(http, "graphql_error", type="", message="We couldn't respond to your request in time.")
    assert ask(http).json()["errors"] == [
        {"message": "We couldn't respond to your request in time."}
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("path", ["/login/oauth/access_token", "/api/v3/user", "/api/graphql"])
def test_another_host(http: httpx.Client, path: str, status: int) -> None:
    fault(http, "redirect", path=path, status=status, to="https://evil.example")
    sent = http.post if "user" not in path else http.get
    reply = sent(f"{path}?a=b")
    assert (reply.status_code, reply.headers["location"]) == (
        status,
        f"https://evil.example{path}?a=b",
    )


def test_a_refusal_in_githubs_own_words(http: httpx.Client) -> None:
    words = "'Issued at' claim ('iat') must be an Integer"
    fault(http, "unauthorized", message=words, times=1)
    refused = http.get("/api/v3/user")
    assert (refused.status_code, refused.json()["message"]) == (401, words)


def test_the_date_is_githubs_own(http: httpx.Client) -> None:
    def date() -> datetime:
        return parsedate_to_datetime(http.get("/api/v3/user").headers["date"])

    before = date()
    http.post("/_control/clock", json={"advance": 3600})
    assert date() - before >= timedelta(hours=1)
    http.post("/_control/clock", json={"date_off": -7200})
    assert date() <= before
    http.post("/_control/clock", json={"date_off": 0})
    assert date() - before >= timedelta(hours=1)
