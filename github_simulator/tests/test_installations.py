"""The token of a GitHub App's installation, such as GitHub Actions gives to a workflow."""

from __future__ import annotations

import httpx
import pytest

from github_simulator.limits import installation_limit
from github_simulator.testing import Running

from .conftest import Query


@pytest.fixture
def token(github: Running) -> str:
    token: str = github.act("install_app", owner="acme")["token"]
    return token


def test_it_works(query: Query, token: str) -> None:
    assert token.startswith("ghs_")
    answer = query('{ repository(owner: "acme", name: "secret") { name } }', token=token)
    assert answer == {"data": {"repository": {"name": "secret"}}}


def test_it_may_not_read_who_it_is(http: httpx.Client, query: Query, token: str) -> None:
    reply = http.get("/api/v3/user", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 403
    assert reply.json()["message"] == "Resource not accessible by integration"
    viewer = query("{ viewer { login } }", token=token)["data"]["viewer"]
    assert viewer == {"login": "github-actions[bot]"}


def test_it_reads_nothing_private_elsewhere(github: Running, query: Query) -> None:
    elsewhere = github.act("install_app", owner="charlie")["token"]
    answer = query('{ repository(owner: "acme", name: "secret") { name } }', token=elsewhere)
    assert answer["errors"][0]["type"] == "NOT_FOUND"
    assert "errors" not in query('{ repository(owner: "acme", name: "api") { id } }', elsewhere)


def test_members_need_the_permission(github: Running, query: Query, token: str) -> None:
    asked = '{ organization(login: "acme") { membersWithRole(first: 9) { totalCount } } }'
    [error] = query(asked, token=token)["errors"]
    assert (error["type"], error["path"]) == ("FORBIDDEN", ["organization", "membersWithRole"])
    allowed = github.act("install_app", owner="acme", app="reader", permissions=["members"])
    assert "errors" not in query(asked, token=allowed["token"])


def test_it_has_a_budget_of_its_own_and_no_scopes(http: httpx.Client, token: str) -> None:
    address = "/api/v3/repos/acme/api"
    reply = http.get(address, headers={"Authorization": f"Bearer {token}"})
    assert "x-oauth-scopes" not in reply.headers
    assert reply.headers["x-ratelimit-used"] == "1"
    assert http.get(address).headers["x-ratelimit-used"] == "1"


def test_it_ends_after_an_hour(github: Running, http: httpx.Client, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get("/api/v3/repos/acme/api", headers=headers).status_code == 200
    github.simulator.clock.advance(3601)
    assert http.get("/api/v3/repos/acme/api", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("repositories", "people", "limit"),
    [(1, 1, 5_000), (20, 20, 5_000), (21, 20, 5_050), (30, 40, 6_500), (900, 1, 12_500)],
)
def test_the_limit_grows_with_the_organisation(repositories: int, people: int, limit: int) -> None:
    assert installation_limit(repositories, people) == limit
