"""REST as strict as GitHub: visibility, pages, validators, redirects and refusals."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from github_simulator.actions import Deed, submit_review
from github_simulator.generator import generate
from github_simulator.testing import Running, running
from github_simulator.world import Account, Organization, Repository, Token, World


@pytest.fixture(scope="module")
def generated() -> bytes:
    """A saved world: generating it takes ten times as long as reading it."""
    return pickle.dumps(generate(2, datetime.now(UTC), repositories=25, pull_requests=900))


@pytest.fixture
def github(generated: bytes) -> Iterator[Running]:
    with running(pickle.loads(generated)) as started:
        yield started


@pytest.fixture
def world(github: Running) -> World:
    return github.simulator.world


class Caller(httpx.Client):
    """A client with a token of certain scopes."""

    def __init__(self, github: Running, login: str, *scopes: str, app: str | None = None) -> None:
        value = f"{login} {' '.join(scopes)} {app}".replace(" ", "_")
        token = Token(value, person(github, login), list(scopes), client_id=app)
        github.simulator.world.tokens[value] = token
        headers = {"authorization": f"Bearer {value}"}
        super().__init__(base_url=f"{github.url}/api/v3", headers=headers)


def person(github: Running, login: str) -> Account:
    found = github.simulator.world.account(login)
    assert found is not None
    return found


def organization(github: Running, login: str) -> Organization:
    return github.simulator.world.organizations[person(github, login).id]


def repository(github: Running, full_name: str) -> Repository:
    found = github.simulator.world.repository(full_name)
    assert found is not None
    return found


@pytest.fixture
def alice(github: Running) -> Iterator[Caller]:
    with Caller(github, "alice", "repo", "read:org", "read:user") as client:
        yield client


def logins(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["login"] for item in answer.json()]


def refused(answer: httpx.Response) -> tuple[int, str]:
    body: dict[str, Any] = answer.json()
    assert body["status"] == str(answer.status_code)
    assert body["documentation_url"].startswith("https://docs.github.com/")
    return answer.status_code, body["message"]


def test_it_works(alice: Caller) -> None:
    me = alice.get("/user").json()
    assert (me["login"], me["type"]) == ("alice", "User")
    assert logins(alice.get("/user/orgs")) == ["acme", "lumen-works", "harbor-tools"]
    assert len(alice.get("/orgs/acme/repos", params={"per_page": 100}).json()) == 25


def test_nobody_sees_only_what_is_public(github: Running) -> None:
    with httpx.Client(base_url=f"{github.url}/api/v3") as nobody:
        assert refused(nobody.get("/user")) == (401, "Requires authentication")
        assert refused(nobody.get("/repos/acme/web")) == (404, "Not Found")
        assert nobody.get("/repos/acme/docs").status_code == 200
        shown = nobody.get("/orgs/acme/repos", params={"per_page": 100}).json()
        assert shown
        assert not any(item["private"] for item in shown)


def test_charlie_sees_no_private_repository(github: Running) -> None:
    with Caller(github, "charlie", "repo", "read:org") as charlie:
        assert refused(charlie.get("/repos/acme/web/pulls")) == (404, "Not Found")
        assert charlie.get("/repos/acme/docs/pulls").status_code == 200
        assert refused(charlie.get("/orgs/acme/teams")) == (404, "Not Found")
        assert charlie.get("/user/memberships/orgs/acme").status_code == 404


def test_concealed_members_are_shown_to_members(github: Running, alice: Caller) -> None:
    concealed = {
        github.simulator.world.accounts[n].login for n in organization(github, "acme").concealed
    }
    assert concealed
    everyone = {"per_page": 100}
    assert concealed <= set(logins(alice.get("/orgs/acme/members", params=everyone)))
    with Caller(github, "charlie", "read:org") as charlie:
        shown = set(logins(charlie.get("/orgs/acme/members", params=everyone)))
        assert shown
        assert not concealed & shown


def test_members_by_role(alice: Caller) -> None:
    admins = logins(alice.get("/orgs/acme/members", params={"role": "admin"}))
    members = logins(alice.get("/orgs/acme/members", params={"role": "member", "per_page": 100}))
    assert "alice" in admins
    assert "bob" in members
    assert len(admins) + len(members) == 40
    assert alice.get("/orgs/acme/members", params={"role": "king"}).status_code == 422


def test_scopes_are_a_hierarchy(github: Running) -> None:
    with Caller(github, "alice", "admin:org") as covered, Caller(github, "alice") as bare:
        assert "acme" in logins(covered.get("/user/orgs"))
        assert covered.get("/repos/acme/web").status_code == 404
        status, message = refused(bare.get("/user/orgs"))
        assert status == 403
        assert "read:org" in message
        answer = covered.get("/orgs/acme/teams")
        assert answer.headers["x-oauth-scopes"] == "admin:org"
        assert "read:org" in answer.headers["x-accepted-oauth-scopes"]


def test_an_organization_that_restricts_apps(github: Running) -> None:
    with Caller(github, "alice", "repo", "read:org", app="Iv1.x") as app:
        assert logins(app.get("/user/orgs")) == ["acme", "harbor-tools"]
        for address in ("/orgs/lumen-works", "/orgs/lumen-works/members"):
            status, message = refused(app.get(address))
            assert status == 403
            assert "OAuth App access restrictions" in message
        full_names = [r["full_name"] for r in app.get("/user/repos?per_page=100").json()]
        assert not any(name.startswith("lumen-works/") for name in full_names)
        repository(github, "lumen-works/ledger").private = True
        assert refused(app.get("/repos/lumen-works/ledger"))[0] == 403
        organization(github, "lumen-works").approved_apps.add("Iv1.x")
        assert app.get("/repos/lumen-works/ledger").status_code == 200
        assert "lumen-works" in logins(app.get("/user/orgs"))


def test_single_sign_on(github: Running, alice: Caller) -> None:
    acme = organization(github, "acme")
    acme.saml_url = f"{github.url}/orgs/acme/sso"
    answer = alice.get("/repos/acme/web")
    assert refused(answer)[0] == 403
    assert answer.headers["x-github-sso"] == f"required; url={acme.saml_url}"
    partial = alice.get("/user/orgs")
    assert logins(partial) == ["lumen-works", "harbor-tools"]
    expected = f"partial-results; organizations={acme.account.id}"
    assert partial.headers["x-github-sso"] == expected
    assert alice.get("/user/repos").headers["x-github-sso"] == expected


def test_pages_are_linked_by_id(github: Running, alice: Caller) -> None:
    number = person(github, "acme").id
    first = alice.get("/orgs/acme/members", params={"per_page": 15})
    assert set(first.links) == {"next", "last"}
    assert f"/api/v3/organizations/{number}/members?" in first.links["next"]["url"]
    second = alice.get(first.links["next"]["url"])
    assert set(second.links) == {"prev", "next", "last", "first"}
    third = alice.get(second.links["next"]["url"])
    assert set(third.links) == {"prev", "first"}
    seen = logins(first) + logins(second) + logins(third)
    assert len(seen) == len(set(seen)) == 40
    assert "link" not in alice.get("/orgs/acme/members", params={"per_page": 100}).headers
    pulls = alice.get("/repos/acme/web/pulls", params={"state": "all"})
    assert f"/repositories/{repository(github, 'acme/web').id}/pulls" in pulls.headers["link"]
    assert alice.get(pulls.links["next"]["url"]).status_code == 200


def test_never_more_than_a_hundred_a_page(alice: Caller) -> None:
    shown = alice.get("/repos/acme/web/pulls", params={"state": "all", "per_page": 1000})
    assert len(shown.json()) == 100


def test_pull_requests_are_open_and_newest_first_unless_asked(alice: Caller) -> None:
    plain = alice.get("/repos/acme/monolith/pulls").json()
    assert {item["state"] for item in plain} <= {"open"}
    every = {"state": "all", "per_page": "100"}
    created = [p["created_at"] for p in alice.get("/repos/acme/web/pulls", params=every).json()]
    assert created == sorted(created, reverse=True)
    by_update = alice.get("/repos/acme/web/pulls", params={**every, "sort": "updated"}).json()
    updated = [item["updated_at"] for item in by_update]
    assert updated == sorted(updated)
    absent = {"additions", "deletions", "changed_files", "commits", "merged", "merged_by"}
    assert not absent & set(by_update[0])


def test_commits_stop_at_250_and_reviews_do_not(github: Running, alice: Caller) -> None:
    pulls = repository(github, "acme/billing-service").pull_requests.values()
    long = next(p for p in pulls if len(p.commits) == 300)
    debated = next(p for p in pulls if len(p.reviews) > 120)
    own = "/repos/acme/billing-service/pulls"

    def count(address: str) -> int:
        pages = [alice.get(address, params={"per_page": 100, "page": n}).json() for n in (1, 2, 3)]
        return sum(map(len, pages))

    assert count(f"{own}/{long.number}/commits") == 250
    assert alice.get(f"{own}/{long.number}").json()["commits"] == 300
    assert count(f"{own}/{debated.number}/reviews") == len(debated.reviews)


def test_pending_reviews_are_their_authors_alone(github: Running, alice: Caller) -> None:
    billing = repository(github, "acme/billing-service")
    begun = next(iter(billing.pull_requests.values()))
    deed = Deed(github.simulator.world, billing, person(github, "alice"), datetime.now(UTC))
    submit_review(deed, begun, "PENDING")
    address = f"/repos/acme/billing-service/pulls/{begun.number}/reviews"
    assert "PENDING" in [review["state"] for review in alice.get(address).json()]
    with Caller(github, "bob", "repo") as bob:
        assert "PENDING" not in [review["state"] for review in bob.get(address).json()]


def test_a_deleted_author_is_ghost_but_a_deleted_reviewer_is_null(
    github: Running, alice: Caller
) -> None:
    web = repository(github, "acme/web")
    pull_request = next(p for p in web.pull_requests.values() if p.reviews)
    pull_request.author = pull_request.reviews[0].author = None
    own = f"/repos/acme/web/pulls/{pull_request.number}"
    assert alice.get(own).json()["user"]["login"] == "ghost"
    assert alice.get(f"{own}/reviews").json()[0]["user"] is None


def test_a_bot_has_a_suffix(github: Running, alice: Caller) -> None:
    bot = alice.get("/users/dependabot[bot]").json()
    assert (bot["login"], bot["type"]) == ("dependabot[bot]", "Bot")
    assert alice.get("/users/dependabot").status_code == 404


def test_unchanged_is_304_and_free(github: Running, alice: Caller) -> None:
    first = alice.get("/repos/acme/web")
    again = alice.get("/repos/acme/web", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    repository(github, "acme/web").description = "Changed"
    changed = alice.get("/repos/acme/web", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200


def test_a_trailing_slash_is_not_found(alice: Caller) -> None:
    assert refused(alice.get("/repos/acme/web/")) == (404, "Not Found")
    assert refused(alice.get("/user/orgs/")) == (404, "Not Found")


def test_renamed_repositories_redirect(github: Running, alice: Caller) -> None:
    web = repository(github, "acme/web")
    web.former_names.append(web.full_name)
    web.name = "website"
    moved = alice.get("/repos/acme/web/pulls", params={"state": "closed"})
    assert moved.status_code == 301
    target = f"{github.url}/api/v3/repositories/{web.id}/pulls?state=closed"
    assert moved.headers["location"] == target
    assert alice.get(target).status_code == 200
    written = alice.post("/repos/acme/web/hooks", json={})
    assert written.status_code == 307
    assert written.headers["location"] == f"{github.url}/api/v3/repositories/{web.id}/hooks"
    assert alice.get("/repos/ACME/Website").json()["full_name"] == "acme/website"


def test_empty_gone_and_blocked(github: Running, alice: Caller) -> None:
    assert refused(alice.get("/repos/acme/empty-box/commits")) == (409, "Git Repository is empty.")
    for status in (410, 451):
        repository(github, "acme/web").unavailable = status
        assert refused(alice.get("/repos/acme/web/pulls"))[0] == status


def test_versions(alice: Caller) -> None:
    def shown(version: str) -> httpx.Response:
        headers = {"x-github-api-version": version}
        return alice.get("/repos/acme/web/pulls?state=all", headers=headers)

    assert "merge_commit_sha" in shown("2022-11-28").json()[0]
    assert "merge_commit_sha" not in shown("2026-03-10").json()[0]
    assert shown("1999-01-01").status_code == 400


def test_limits_that_are_off_are_not_found(github: Running, alice: Caller) -> None:
    assert alice.get("/rate_limit").json()["resources"]["graphql"]["limit"] == 5000
    github.simulator.limits.enabled = False
    assert refused(alice.get("/rate_limit")) == (404, "Not Found")


def test_a_fine_grained_token_sees_what_it_was_made_for(github: Running) -> None:
    alice, acme = person(github, "alice"), person(github, "acme")
    token = Token("github_pat_1", alice, [], organizations={acme.id})
    github.simulator.world.tokens[token.value] = token
    headers = {"authorization": f"Bearer {token.value}"}
    with httpx.Client(base_url=f"{github.url}/api/v3", headers=headers) as client:
        answer = client.get("/repos/acme/web/pulls")
        assert answer.status_code == 200
        assert answer.headers["x-accepted-github-permissions"] == "pull_requests=read"
        assert not {"x-oauth-scopes", "x-accepted-oauth-scopes"} & set(answer.headers)
        # GitHub lists none for such a token, whatever it was created for.
        assert client.get("/user/orgs").json() == []
        assert client.get("/orgs/acme").status_code == 200
        repository(github, "harbor-tools/pier").private = True
        assert client.get("/repos/harbor-tools/pier").status_code == 404


def test_pictures_have_initials(github: Running, alice: Caller) -> None:
    address = alice.get("/user").json()["avatar_url"]
    picture = httpx.get(address)
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert ">AV<" in picture.text
