"""Who may create an account: by each rule, through each way to sign up."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.test import Client
from pytest_django import Settings

from apps.teams import invitations
from apps.teams.models import Team
from apps.users.models import Installation, User
from conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_rule(settings: Settings) -> None:
    """A fresh installation: SIGN_UP is not set."""
    settings.SIGN_UP, settings.SIGN_UP_DOMAINS = "", []


def sign_up(client: Client, email: str, **headers: Any) -> str:
    """Tries to create an account; returns the resulting page."""
    form = {"email": email, "password1": PASSWORD}
    return client.post("/accounts/signup/", form, follow=True, **headers).content.decode()


def accounts() -> list[str]:
    return list(User.objects.order_by("pk").values_list("email", flat=True))


def test_it_works(client: Client) -> None:
    """The first account is created on the machine itself; after that strangers are kept out."""
    assert "Make an account" in client.get("/").content.decode()
    sign_up(client, "alice@example.com")
    stranger = Client()
    assert "Make an account" not in stranger.get("/").content.decode()
    assert "by invitation" in stranger.get("/accounts/login/").content.decode()
    assert "No account can be made here" in stranger.get("/accounts/signup/").content.decode()
    assert "by invitation" in sign_up(stranger, "mallory@example.com")
    answer = stranger.post(
        "/accounts/signup/",
        {"email": "mallory@example.com", "password1": PASSWORD},
        headers={"X-Requested-With": "XMLHttpRequest", "Accept": "application/json"},
    )
    assert answer.status_code != 302
    assert accounts() == ["alice@example.com"]


@pytest.mark.parametrize(
    ("public", "address", "rule"),
    [
        ("https://tformance.example.com", "127.0.0.1", ""),
        ("http://localhost:8000", "192.0.2.7", ""),
        ("http://localhost:8000", "127.0.0.1", "invited"),
    ],
)
def test_only_a_local_browser_makes_the_first_account(
    client: Client, settings: Settings, public: str, address: str, rule: str
) -> None:
    settings.PUBLIC_URL, settings.SIGN_UP = public, rule
    page = sign_up(client, "mallory@example.com", REMOTE_ADDR=address)
    assert "There is no account yet" in page
    assert "tformance user create" in page
    assert accounts() == []


def test_an_upgrade_leaves_it_open(client: Client, alice: User) -> None:
    import_module("apps.users.migrations.0005_sign_up_as_before").keep_open(apps, None)
    sign_up(client, "dana@example.com")
    assert accounts() == ["alice@example.com", "dana@example.com"]


def test_an_empty_database_is_not_left_open(client: Client) -> None:
    import_module("apps.users.migrations.0005_sign_up_as_before").keep_open(apps, None)
    assert not Installation.objects.exists()


def test_a_rule_that_is_set_counts_more_than_how_it_was(
    client: Client, alice: User, settings: Settings
) -> None:
    Installation.objects.create(sign_up="open")
    settings.SIGN_UP = "invited"
    assert "by invitation" in sign_up(client, "dana@example.com")


def test_an_invitation_opens_the_form_for_its_address(
    client: Client, alice: User, team: Team
) -> None:
    invitation, url = invitations.invite(team, alice, "member", "Dana@Example.com")
    client.get(url.removeprefix("http://localhost:8000"))
    assert "for another address" in sign_up(client, "mallory@example.com")
    sign_up(client, "dana@EXAMPLE.com")
    assert accounts()[-1] == "dana@example.com"
    invitations.revoke(invitation)
    other = Client()
    other.get(url.removeprefix("http://localhost:8000"))
    assert "by invitation" in sign_up(other, "dana@example.com")


def test_a_link_lets_anybody_sign_up(client: Client, alice: User, team: Team) -> None:
    _, url = invitations.invite(team, alice, "member")
    client.get(url.removeprefix("http://localhost:8000"))
    sign_up(client, "erin@elsewhere.example")
    assert accounts()[-1] == "erin@elsewhere.example"


def test_domains(client: Client, alice: User, team: Team, settings: Settings) -> None:
    """An address of the company, which must then be proven; or an invitation."""
    settings.SIGN_UP, settings.SIGN_UP_DOMAINS = (
        "domains",
        ["acme.example", "xn--bcher-kva.example"],
    )
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    for refused in ("m@evil.example", "m@sub.acme.example", "m@acme.example.evil.example"):
        assert "acme.example" in sign_up(Client(), refused)
    page = sign_up(client, "Dana@ACME.example")
    assert "Confirm your" in page or "Check your mail" in page
    assert client.get("/teams/new/").status_code == 302
    assert mail.outbox[-1].to == ["dana@acme.example"]
    sign_up(Client(), "emil@bücher.example")
    _, url = invitations.invite(team, alice, "member", "erin@elsewhere.example")
    guest = Client()
    guest.get(url.removeprefix("http://localhost:8000"))
    sign_up(guest, "erin@elsewhere.example")
    assert len(accounts()) == 5


def test_without_mail_no_address_of_a_domain_is_believed(
    client: Client, settings: Settings
) -> None:
    settings.SIGN_UP, settings.SIGN_UP_DOMAINS = "domains", ["acme.example"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "No account can be made here" in sign_up(client, "dana@acme.example")
    assert accounts() == []


def test_a_closed_installation_does_not_ask_strangers_to_sign_up(
    client: Client, alice: User
) -> None:
    client.post("/accounts/password/reset/", {"email": "mallory@example.com"})
    assert "/accounts/signup/" not in str(mail.outbox[-1].body)
    assert "by invitation" in str(mail.outbox[-1].body)
