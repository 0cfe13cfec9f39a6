"""The simulator's pages for people: targets of links to GitHub, sign-on and approvals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from github_simulator.world import Token


@pytest.fixture
def github() -> Iterator[Running]:
    world = generate(6, datetime.now(UTC), people=14, repositories=4, pull_requests=160)
    with running(world) as started:
        yield started


@pytest.fixture
def visitor(github: Running) -> Iterator[httpx.Client]:
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=github.url, headers=headers, follow_redirects=True) as client:
        yield client


def test_it_works(github: Running, visitor: httpx.Client) -> None:
    assert 'href="/acme"' in visitor.get("/").text
    assert 'href="/acme/web"' in visitor.get("/acme").text
    web = github.simulator.world.repository("acme/web")
    assert web is not None
    newest = max(web.pull_requests.values(), key=lambda p: p.updated_at)
    assert f'href="/acme/web/pull/{newest.number}"' in visitor.get("/acme/web").text


def test_every_pull_request_has_the_page_that_its_url_names(
    github: Running, visitor: httpx.Client
) -> None:
    for repository in github.simulator.world.repositories.values():
        for pull_request in list(repository.pull_requests.values())[::5]:
            address = f"/{repository.full_name}/pull/{pull_request.number}"
            shown = visitor.get(address)
            assert shown.status_code == 200
            assert f"+{pull_request.additions} −{pull_request.deletions}" in shown.text


def test_titles_are_escaped(github: Running, visitor: httpx.Client) -> None:
    web = github.simulator.world.repository("acme/web")
    assert web is not None
    pull_request = next(iter(web.pull_requests.values()))
    pull_request.title = "<script>alert(1)</script>"
    for address in ("/acme/web", f"/acme/web/pull/{pull_request.number}"):
        assert "<script>" not in visitor.get(address).text


@pytest.mark.parametrize(
    "address", ["/nobody", "/acme/nothing", "/acme/web/pull/999999", "/orgs/alice/sso"]
)
def test_missing_pages(visitor: httpx.Client, address: str) -> None:
    assert visitor.get(address).status_code == 404


def test_signing_on_opens_the_organization(github: Running, visitor: httpx.Client) -> None:
    world = github.simulator.world
    alice, acme = world.account("alice"), world.account("acme")
    assert alice is not None
    assert acme is not None
    address = f"{github.url}/orgs/acme/sso"
    world.organizations[acme.id].saml_url = address
    token = {"authorization": f"Bearer {github.token}"}
    assert visitor.get("/api/v3/orgs/acme", headers=token).status_code == 403
    assert "Sign on" in visitor.get(address).text
    assert "alice may use acme now" in visitor.post(address, data={"login": "alice"}).text
    assert visitor.get("/api/v3/orgs/acme", headers=token).status_code == 200


def test_approving_an_app(github: Running, visitor: httpx.Client) -> None:
    world = github.simulator.world
    alice = world.account("alice")
    assert alice is not None
    [app] = world.oauth_apps.values()
    world.tokens["app"] = Token("app", alice, ["read:org"], client_id=app.client_id)
    token = {"authorization": "Bearer app"}
    assert visitor.get("/api/v3/orgs/lumen-works", headers=token).status_code == 403
    address = f"/settings/connections/applications/{app.client_id}"
    assert "Approve for lumen-works" in visitor.get(address).text
    assert "Approve for" not in visitor.post(address, data={"organization": "lumen-works"}).text
    assert visitor.get("/api/v3/orgs/lumen-works", headers=token).status_code == 200


def test_what_to_paste(github: Running, visitor: httpx.Client) -> None:
    [app] = github.simulator.world.oauth_apps.values()
    assert github.token in visitor.get("/settings/tokens").text
    shown = visitor.get("/settings/applications/new").text
    assert app.client_id in shown
    assert app.client_secret in shown
