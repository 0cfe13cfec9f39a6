"""Connecting with a pasted personal access token."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.integrations.tests.github import ACME, ADA, GRACE, messages_of
from apps.teams.models import Team
from github_simulator.testing import Running
from github_simulator.world import Token

pytestmark = pytest.mark.django_db
TOKEN = "/a/acme/integrations/github/token/"
CHOOSE = "/a/acme/integrations/github/organization/"


@pytest.fixture(autouse=True)
def _without_app(github: Running, settings: Settings) -> None:
    settings.GITHUB_CLIENT_ID = ""


def give(github: Running, who: int, scopes: list[str], **more: object) -> str:
    value = f"ghp_{'x' * 36}"
    account = github.simulator.world.accounts[who]
    github.simulator.world.tokens[value] = Token(value, account, scopes, **more)  # type: ignore[arg-type]
    return value


def test_it_works(github: Running, team: Team, alice_client: Client) -> None:
    assert alice_client.post(TOKEN, {"token": github.token}).headers["location"] == CHOOSE
    alice_client.post(CHOOSE, {"organization": "acme"})
    integration = GitHubIntegration.objects.get()
    assert integration.credential.kind == "token"
    assert integration.credential.access_token == github.token
    for page in ("/a/acme/integrations/", CHOOSE, "/a/acme/integrations/github/repos/"):
        assert github.token not in messages_of(alice_client, page)


def test_with_the_organization_named(github: Running, team: Team, alice_client: Client) -> None:
    reply = alice_client.post(TOKEN, {"token": f" {github.token}\n", "organization": "acme"})
    assert reply.headers["location"] == "/a/acme/integrations/github/repos/"
    assert GitHubIntegration.objects.get().organization_id == ACME


@pytest.mark.parametrize(
    "value", ["ghp_wrong", "ghp_wro\nng", "ghp_wrong ghp_wrong", "ghp_wröng🔑"]
)
def test_wrong_token(github: Running, team: Team, alice_client: Client, value: str) -> None:
    page = refused(alice_client, value)
    assert "GitHub does not accept this token. Check that all of it was copied" in page
    assert "ghp_" not in page
    assert not IntegrationCredential.objects.exists()


def test_a_wrong_token_does_not_affect_the_existing_connection(
    github: Running, team: Team, alice_client: Client
) -> None:
    alice_client.post(TOKEN, {"token": github.token, "organization": "acme"})
    alice_client.get("/a/acme/integrations/")
    page = refused(alice_client, "ghp_wrong", "acme")
    assert "<h2>acme</h2>" in page
    assert "Connect GitHub again" not in page
    assert 'class="banner' not in page
    assert '<details class="dialog">' in messages_of(alice_client)
    assert GitHubIntegration.objects.get().credential.rejected_at is None
    assert AuditEvent.objects.get(action="github.connect.failed").team == team
    assert alice_client.get(TOKEN).headers["location"] == "/a/acme/integrations/"


def refused(client: Client, value: str, organization: str = "") -> str:
    """The page with the form open, and the error at its field."""
    reply = client.post(TOKEN, {"token": value, "organization": organization})
    assert reply.status_code == 422
    page = " ".join(reply.content.decode().split())
    assert '<details class="dialog" open> <summary class="button" id="by-token">' in page
    field = re.search(r'<div class="field has-error">.*?</div>', page)
    assert field
    assert 'name="token"' in field[0]
    assert 'id="token_error"' in field[0]
    return page


def test_classic_token_with_too_few_scopes(
    github: Running, team: Team, alice_client: Client
) -> None:
    page = refused(alice_client, give(github, ADA, ["public_repo", "read:org"]))
    assert "did not grant repo and read:user" in page
    assert "ghp_" not in page
    assert not IntegrationCredential.objects.exists()


def test_scopes_are_a_hierarchy(github: Running, team: Team, alice_client: Client) -> None:
    token = give(github, GRACE, ["repo", "admin:org", "user"])
    alice_client.post(TOKEN, {"token": token, "organization": "acme"})
    assert GitHubIntegration.objects.get().credential.account_login == "grace"


def test_fine_grained_token(github: Running, team: Team, alice_client: Client) -> None:
    token = give(github, ADA, [], organizations={ACME})
    alice_client.post(TOKEN, {"token": token, "organization": "acme"})
    assert GitHubIntegration.objects.get().organization_slug == "acme"


def test_a_fine_grained_token_is_asked_for_its_organisation(
    github: Running, team: Team, alice_client: Client
) -> None:
    token = give(github, ADA, [], organizations={ACME})
    page = alice_client.post(TOKEN, {"token": token}, follow=True)
    text = page.content.decode()
    assert "GitHub lists no organisations to a fine-grained token." in text
    assert "checked" not in text
    there = page.redirect_chain[-1][0]
    alice_client.post(there, {"other": "acme"})
    assert GitHubIntegration.objects.get().organization_slug == "acme"


def test_no_token(github: Running, team: Team, alice_client: Client) -> None:
    assert "No token was given" in refused(alice_client, " ")
