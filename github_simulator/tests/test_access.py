"""What Alice, Bob and Charlie see in GraphQL, and with which tokens."""

from __future__ import annotations

import httpx
import pytest

from github_simulator.testing import Running
from github_simulator.world import OAuthApp, Token

from .conftest import Query

SECRET = '{ repository(owner: "acme", name: "secret") { name viewerPermission } }'
MEMBERS = """{ organization(login: "acme") { membersWithRole(first: 100) {
  totalCount edges { role node { login } } } } }"""

LISTED = """{ viewer { organizations(first: 9) { nodes { login } }
  repositories(first: 9, ownerAffiliations: [ORGANIZATION_MEMBER]) { nodes { name } } } }"""


def give_token(github: Running, scopes: list[str], **more: object) -> str:
    """Another token of Alice's."""
    alice = github.simulator.world.accounts[1]
    token = Token("gho_other", alice, scopes, **more)  # type: ignore[arg-type]
    github.simulator.world.tokens[token.value] = token
    return token.value


def test_it_works(query: Query) -> None:
    answer = query(SECRET)
    assert answer == {"data": {"repository": {"name": "secret", "viewerPermission": "ADMIN"}}}


def test_a_member_reads(query: Query) -> None:
    answer = query(SECRET, token="ghp_bob")
    assert answer["data"]["repository"]["viewerPermission"] == "READ"


def test_charlie_sees_no_trace_of_a_private_repository(query: Query) -> None:
    answer = query(SECRET, token="ghp_charlie")
    assert answer["data"] == {"repository": None}
    assert answer["errors"][0]["type"] == "NOT_FOUND"


def test_charlie_finds_no_node_of_it_either(query: Query) -> None:
    answer = query('{ nodes(ids: ["R_101", "PR_900"]) { id } }', token="ghp_charlie")
    assert answer["data"]["nodes"] == [None, None]


def test_a_private_repository_needs_the_repo_scope(github: Running, query: Query) -> None:
    token = give_token(github, ["read:org"])
    assert query(SECRET, token=token)["data"] == {"repository": None}


def test_members_with_their_roles(query: Query) -> None:
    members = query(MEMBERS)["data"]["organization"]["membersWithRole"]
    assert members["totalCount"] == 2
    assert members["edges"] == [
        {"role": "ADMIN", "node": {"login": "alice"}},
        {"role": "MEMBER", "node": {"login": "bob"}},
    ]


def test_charlie_sees_neither_roles_nor_concealed_members(query: Query) -> None:
    members = query(MEMBERS, token="ghp_charlie")["data"]["organization"]["membersWithRole"]
    assert members["edges"] == [{"role": None, "node": {"login": "alice"}}]


def test_teams_and_who_is_in_them(query: Query) -> None:
    asked = """{ organization(login: "acme") { teams(first: 10) { nodes {
      databaseId slug name members(first: 10) { nodes { login } } } } } }"""
    [core] = query(asked)["data"]["organization"]["teams"]["nodes"]
    assert core == {
        "databaseId": 77,
        "slug": "core",
        "name": "Core",
        "members": {"nodes": [{"login": "alice"}, {"login": "bob"}]},
    }
    hidden = query(asked, token="ghp_charlie")
    assert hidden["data"]["organization"]["teams"]["nodes"] == []


@pytest.mark.parametrize("scopes", [["repo"], ["repo", "user"], []])
def test_members_need_a_scope(github: Running, query: Query, scopes: list[str]) -> None:
    answer = query(MEMBERS, token=give_token(github, scopes))
    assert "data" not in answer
    [error] = answer["errors"]
    assert error["type"] == "INSUFFICIENT_SCOPES"
    assert (
        "'membersWithRole' field requires one of the following scopes: ['read:org']"
        in (error["message"])
    )


@pytest.mark.parametrize("scope", ["read:org", "write:org", "admin:org"])
def test_scopes_include_one_another(github: Running, query: Query, scope: str) -> None:
    assert "errors" not in query(MEMBERS, token=give_token(github, [scope]))


def test_an_organisation_that_restricts_apps(github: Running, query: Query) -> None:
    world = github.simulator.world
    world.oauth_apps["app"] = OAuthApp("app", "secret", "An app", [])
    world.organizations[10].restricts_oauth_apps = True
    token = give_token(github, ["repo", "read:org"], client_id="app")
    answer = query('{ viewer { login } organization(login: "acme") { id } }', token=token)
    assert answer["data"] == {"viewer": {"login": "alice"}, "organization": None}
    [error] = answer["errors"]
    assert (error["type"], error["path"]) == ("FORBIDDEN", ["organization"])
    assert "OAuth App access restrictions" in error["message"]
    assert error["extensions"] == {"saml_failure": False}
    assert query(LISTED, token=token)["data"]["viewer"] == {
        "organizations": {"nodes": []},
        "repositories": {"nodes": []},
    }
    assert "errors" not in query('{ organization(login: "acme") { id } }')  # a personal token


def test_a_fine_grained_token_sees_what_it_was_made_for(github: Running, query: Query) -> None:
    elsewhere = give_token(github, [], organizations={99})
    assert query(SECRET, token=elsewhere)["data"] == {"repository": None}
    [error] = query(MEMBERS, token=elsewhere)["errors"]
    assert (error["type"], error["path"]) == ("FORBIDDEN", ["organization", "membersWithRole"])
    listed = query(LISTED, token=elsewhere)["data"]["viewer"]
    assert listed["organizations"]["nodes"] == []
    here = give_token(github, [], organizations={10})
    assert query(SECRET, token=here)["data"]["repository"]["name"] == "secret"
    assert "errors" not in query(MEMBERS, token=here)


def test_single_sign_on(github: Running, http: httpx.Client) -> None:
    organization = github.simulator.world.organizations[10]
    organization.saml_url = "https://github.example/orgs/acme/sso"
    asked = {"query": '{ organization(login: "acme") { id } }'}
    reply = http.post("/api/graphql", json=asked)
    assert reply.headers["X-GitHub-SSO"] == f"required; url={organization.saml_url}"
    assert reply.json()["errors"][0]["type"] == "FORBIDDEN"
    organization.sso_tokens.add("ghp_alice")
    admitted = http.post("/api/graphql", json=asked)
    assert admitted.json() == {"data": {"organization": {"id": "O_10"}}}


def test_a_renamed_repository_is_found_by_both_names(github: Running, query: Query) -> None:
    repository = github.simulator.world.repositories[100]
    repository.name, repository.former_names = "interface", ["acme/api"]
    asked = 'owner: "acme", name: "api"'
    found = query(f"{{ repository({asked}) {{ nameWithOwner databaseId }} }}")
    assert found["data"]["repository"] == {"nameWithOwner": "acme/interface", "databaseId": 100}
    answer = query(f"{{ repository({asked}, followRenames: false) {{ id }} }}")
    assert answer["errors"][0]["type"] == "NOT_FOUND"


def test_an_invalid_token_is_refused_and_then_locked_out(
    github: Running, http: httpx.Client
) -> None:
    github.simulator.world.tokens["ghp_alice"].revoked = True
    statuses = [
        http.post("/api/graphql", json={"query": "{ viewer { login } }"}).status_code
        for _ in range(12)
    ]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [403] * 2


def test_requests_without_user_agent_are_refused(http: httpx.Client) -> None:
    reply = http.get("/api/v3/rate_limit", headers={"User-Agent": ""})
    assert reply.status_code == 403
    assert "User-Agent" in reply.text


@pytest.mark.parametrize(
    ("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2021-01-01", 400)]
)
def test_versions(http: httpx.Client, version: str, status: int) -> None:
    reply = http.post(
        "/api/graphql",
        json={"query": "{ viewer { login } }"},
        headers={"X-GitHub-Api-Version": version},
    )
    assert reply.status_code == status


@pytest.mark.parametrize("path", ["/api/graphql/", "/api/v3/user/", "/api/v3/repos/acme/api/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_trailing_slash_is_another_address(http: httpx.Client, method: str, path: str) -> None:
    reply = http.request(method, path)
    assert reply.status_code == 404
    assert reply.json()["status"] == "404"
