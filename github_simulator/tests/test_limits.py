"""Rate limits: counted per person and resource, refused in GitHub's shapes."""

from __future__ import annotations

import threading
from collections import Counter

import httpx
import pytest

from github_simulator.faults import Fault
from github_simulator.limits import WINDOW
from github_simulator.testing import Running, running
from github_simulator.world import Token

from .conftest import Query, acme

VIEWER = {"query": "{ viewer { login } }"}
REST = "/api/v3/no/such/address"  # even a 404 counts


def remaining(reply: httpx.Response) -> int:
    return int(reply.headers["x-ratelimit-remaining"])


def test_it_works(http: httpx.Client) -> None:
    reply = http.post("/api/graphql", json=VIEWER)
    assert reply.headers["x-ratelimit-resource"] == "graphql"
    assert reply.headers["x-ratelimit-limit"] == "5000"
    assert reply.headers["x-ratelimit-used"] == "1"
    assert remaining(reply) == 4999


def test_rest_and_graphql_are_counted_apart(http: httpx.Client) -> None:
    http.post("/api/graphql", json=VIEWER)
    reply = http.get(REST)
    assert reply.headers["x-ratelimit-resource"] == "core"
    assert remaining(reply) == 4999


def test_two_tokens_of_one_person_share_a_budget(github: Running, http: httpx.Client) -> None:
    alice = github.simulator.world.accounts[1]
    github.simulator.world.tokens["ghp_second"] = Token("ghp_second", alice, [])
    http.get(REST)
    assert remaining(http.get(REST, headers={"Authorization": "token ghp_second"})) == 4998
    assert remaining(http.get(REST, headers={"Authorization": "Bearer ghp_bob"})) == 4999


def test_the_price_of_a_query_is_deducted(query: Query, http: httpx.Client) -> None:
    """1 + 60 + 600 requests are 7 points."""
    answer = query(
        """{ rateLimit { cost used } viewer { repositories(first: 60) { nodes {
             pullRequests(first: 10) { nodes { commits(first: 1) { totalCount } } } } } } }"""
    )
    assert answer["data"]["rateLimit"] == {"cost": 7, "used": 7}
    assert remaining(http.post("/api/graphql", json=VIEWER)) == 4992


def test_a_spent_budget_is_refused_by_rest(github: Running, http: httpx.Client) -> None:
    github.simulator.limits.exhaust(1, "core")
    reply = http.get(REST)
    assert (reply.status_code, remaining(reply)) == (403, 0)
    assert "API rate limit exceeded" in reply.json()["message"]
    github.simulator.limits.rest_status = 429
    assert http.get(REST).status_code == 429


@pytest.mark.parametrize(
    ("newer", "shape"),
    [
        (False, {"type": "RATE_LIMITED"}),
        (True, {"type": "RATE_LIMIT", "code": "graphql_rate_limit"}),
    ],
)
def test_a_spent_budget_is_refused_by_graphql(
    github: Running, http: httpx.Client, newer: bool, shape: dict[str, str]
) -> None:
    github.simulator.limits.exhaust(1, "graphql")
    github.simulator.limits.newer_errors = newer
    reply = http.post("/api/graphql", json=VIEWER)
    assert reply.status_code == 200
    assert "data" not in reply.json()
    [error] = reply.json()["errors"]
    assert shape.items() <= error.items()


def test_the_budget_is_reset_after_an_hour(github: Running, http: httpx.Client) -> None:
    github.simulator.limits.exhaust(1, "core")
    assert http.get(REST).status_code == 403
    github.simulator.clock.advance(WINDOW + 1)
    assert remaining(http.get(REST)) == 4999


def test_anonymous_clients_have_sixty_requests(http: httpx.Client) -> None:
    del http.headers["Authorization"]
    assert http.get(REST).headers["x-ratelimit-limit"] == "60"


def test_too_many_points_a_minute(github: Running, http: httpx.Client) -> None:
    github.simulator.limits.per_minute["core"] = 10
    statuses = [http.get(REST).status_code for _ in range(11)]
    assert statuses == [404] * 10 + [403]
    reply = http.get(REST)
    assert "secondary rate limit" in reply.json()["message"]
    assert int(reply.headers["retry-after"]) > 0
    assert remaining(reply) > 0
    github.simulator.clock.advance(61)
    assert http.get(REST).status_code == 404


def test_a_write_counts_as_five(github: Running, http: httpx.Client) -> None:
    github.simulator.limits.per_minute["core"] = 10
    assert [http.post(REST).status_code for _ in range(3)] == [404, 404, 403]


def test_too_much_content_a_minute(github: Running, http: httpx.Client) -> None:
    github.simulator.limits.content_per_minute = 2
    assert [http.post(REST).status_code for _ in range(3)] == [404, 404, 403]
    assert http.get(REST).status_code == 404


def test_an_app_has_a_budget_of_its_own(github: Running, http: httpx.Client) -> None:
    app = next(iter(github.simulator.world.oauth_apps.values()))
    del http.headers["Authorization"]
    reply = http.get(REST, auth=(app.client_id, app.client_secret))
    assert (reply.headers["x-ratelimit-limit"], remaining(reply)) == ("5000", 4999)
    assert http.get(REST, auth=(app.client_id, "wrong")).status_code == 401


def test_too_many_at_once() -> None:
    with running(acme()) as github:
        github.simulator.limits.concurrency = 2
        github.simulator.faults.add(Fault("slow", seconds=0.5))
        statuses: Counter[int] = Counter()
        headers = {"Authorization": "Bearer ghp_alice"}

        def ask() -> None:
            statuses[httpx.get(github.url + REST, headers=headers).status_code] += 1

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == {404: 2, 403: 2}


def test_an_enterprise_server_may_have_no_limits(
    github: Running, http: httpx.Client, query: Query
) -> None:
    github.simulator.limits.enabled = False
    github.simulator.limits.exhaust(1, "graphql")
    assert query("{ rateLimit { cost } viewer { login } }")["data"] == {
        "rateLimit": None,
        "viewer": {"login": "alice"},
    }
    assert "x-ratelimit-limit" not in http.get(REST).headers
