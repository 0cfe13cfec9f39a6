"""A simulated GitHub for these tests: Acme with its people, and organisations that deny access."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ssl import SSLContext
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import httpx
from django.test import Client

from github_simulator.testing import Running
from github_simulator.world import Account, Organization, Repository, Team, World

ACME, CLOSED, VAULT = 50_000_001, 50_000_002, 50_000_003
ADA, GRACE, LINUS = 40_000_001, 40_000_002, 40_000_003
CALLBACK = "http://localhost:8000/integrations/github/callback/"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
REPOSITORIES = {
    "api-service": 60_000_001,
    "mail-service": 60_000_002,
    "website": 60_000_003,
    "attic": 60_000_004,
    "linux-fork": 60_000_005,
}


def world() -> World:
    """Ada owns Acme, Closed (restricts apps) and Vault (asks for SAML); Grace is in Acme."""
    made = World()
    for number, login, name in (
        (ADA, "ada", "Ada Lovelace"),
        (GRACE, "grace", "Grace Hopper"),
        (LINUS, "linus", None),
    ):
        made.accounts[number] = Account(number, f"U_{login}", login, "User", name)
    for number, login in ((ACME, "acme"), (CLOSED, "closed"), (VAULT, "vault")):
        account = Account(number, f"O_{login}", login, "Organization", login.title())
        made.accounts[number] = account
        made.organizations[number] = Organization(account, {ADA: "admin"})
    made.organizations[ACME].members[GRACE] = "member"
    made.organizations[ACME].teams = [
        Team(70_000_001, "T_platform", "platform", "Platform", [ADA, GRACE])
    ]
    made.organizations[CLOSED].restricts_oauth_apps = True
    made.organizations[VAULT].saml_url = "https://github.com/orgs/vault/sso?authorization_request=A"
    for age, (name, number) in enumerate(REPOSITORIES.items()):
        add_repository(made, made.accounts[ACME], name, number, age)
    made.repositories[REPOSITORIES["attic"]].archived = True
    made.repositories[REPOSITORIES["linux-fork"]].fork = True
    made.repositories[REPOSITORIES["api-service"]].private = True
    add_repository(made, made.accounts[ADA], "notes", 60_000_009, 1)
    return made


def add_repository(made: World, owner: Account, name: str, number: int, age: int = 0) -> Repository:
    """A repository last pushed to `age` days before NOW."""
    pushed = NOW - timedelta(days=age)
    made.repositories[number] = Repository(
        number, f"R_{number}", owner, name, created_at=pushed, pushed_at=pushed, updated_at=pushed
    )
    return made.repositories[number]


def consent(
    authorize_url: str,
    login: str = "ada",
    decision: Literal["authorize", "cancel"] = "authorize",
    without: tuple[str, ...] = (),
    scope: str | None = None,
    verify: SSLContext | bool = True,
) -> str:
    """Answers GitHub's consent page as a person would; returns where GitHub redirects to."""
    sent = dict(parse_qsl(urlsplit(authorize_url).query))
    asked = sent["scope"] if scope is None else scope
    granted = [each for each in asked.split() if each not in without]
    form = {**sent, "login": login, "granted": granted}
    form["authorize"] = "1" if decision == "authorize" else "0"
    parts = urlsplit(authorize_url)
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    reply = httpx.post(address, data=form, verify=verify)
    return reply.headers["location"]


def path_of(url: str) -> str:
    """The path and query of a URL, for a test client."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def begin(client: Client, team: str = "acme", **form: str) -> str:
    """Presses Connect; returns the URL on GitHub."""
    reply = client.post(f"/a/{team}/integrations/github/connect/", form)
    assert reply.status_code == 302, reply.content
    return reply.headers["location"]


def connect(client: Client, organization: str = "acme", team: str = "acme") -> None:
    """Connects an organisation, all the way."""
    client.get(path_of(consent(begin(client, team))))
    chosen = client.post(
        f"/a/{team}/integrations/github/organization/", {"organization": organization}
    )
    assert chosen.headers["location"] == f"/a/{team}/integrations/github/repos/", chosen.content


def messages_of(client: Client, page: str = "/a/acme/integrations/") -> str:
    """The text of the page after an answer, in one line."""
    return " ".join(client.get(page).content.decode().split())


def token_count(github: Running) -> int:
    """Tokens that GitHub would still accept from our app."""
    tokens = github.simulator.world.tokens.values()
    return sum(1 for token in tokens if token.client_id and not token.revoked)
