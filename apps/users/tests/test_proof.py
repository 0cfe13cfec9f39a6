"""An account created beforehand with a victim's address is no way into their later account."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.teams import api_keys
from apps.teams.models import Team
from apps.users.models import Session, User
from conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
VICTIM, OWN = "victim@corp.example", "mallory@example.com"
NEW = "a different battery horse"


@pytest.fixture
def mallory() -> Client:
    """Signed up with the victim's address, whose mail Mallory cannot read."""
    client = Client()
    client.post("/accounts/signup/", {"email": VICTIM, "password1": PASSWORD})
    return client


def link(to: str) -> str:
    """The path of the link in the newest mail to an address."""
    body = next(str(each.body) for each in reversed(mail.outbox) if to in each.to)
    found = re.search(r"https?://[^/\s]+(/accounts/\S+)", body)
    assert found
    return found[1]


def prepared() -> User:
    """Everything that Mallory could add before a rule prevented it."""
    user = User.objects.get(email=VICTIM)
    EmailAddress.objects.create(user=user, email=OWN, verified=True)
    SocialAccount.objects.create(user=user, provider="github", uid="666")
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Mallory's"})
    return user


def reset(address: str) -> None:
    victim = Client()
    victim.post("/accounts/password/reset/", {"email": address})
    form = victim.get(link(address)).headers["Location"]
    victim.post(form, {"password1": NEW, "password2": NEW})


def may_sign_in(email: str, password: str) -> bool:
    reply = Client().post("/accounts/login/", {"login": email, "password": password})
    return reply.status_code == 302


def test_it_works(mallory: Client, team: Team) -> None:
    user = prepared()
    team.memberships.create(user=user)
    _, key = api_keys.make(team, user, "Back door")
    reset(VICTIM)
    assert mallory.get("/accounts/profile/").status_code == 302
    assert not may_sign_in(OWN, NEW)
    assert not may_sign_in(VICTIM, PASSWORD)
    assert may_sign_in(VICTIM, NEW)
    bearer = {"authorization": f"Bearer {key}"}
    assert Client().get("/api/v1/team", headers=bearer).status_code == 401
    addresses = EmailAddress.objects.filter(user=user).values_list("email", "verified")
    assert list(addresses) == [(VICTIM, True)]
    assert not SocialAccount.objects.exists()
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(action="account.proven", actor=user).count() == 1


def test_a_proven_account_keeps_what_it_has(mallory: Client) -> None:
    mallory.post(mallory.get(link(VICTIM)).headers["Location"])
    user = prepared()
    reset(VICTIM)
    assert EmailAddress.objects.filter(user=user).count() == 2
    assert SocialAccount.objects.exists()
    assert Authenticator.objects.exists()


def test_confirming_clears_all_but_the_current_session(mallory: Client) -> None:
    other = Client()
    other.post("/accounts/login/", {"login": VICTIM, "password": PASSWORD})
    user = prepared()
    mallory.post(mallory.get(link(VICTIM)).headers["Location"])
    assert mallory.get("/accounts/profile/").status_code == 200
    assert other.get("/accounts/profile/").status_code == 302
    assert EmailAddress.objects.filter(user=user, verified=True).get().email == VICTIM
    assert not SocialAccount.objects.exists()


def test_the_link_alone_confirms_nothing(mallory: Client, charlie_client: Client) -> None:
    """A person who finds the link in their mail would confirm a stranger's account."""
    for visitor in (Client(), charlie_client):
        form = visitor.get(link(VICTIM)).headers["Location"]
        assert "Sign in to confirm this address" in visitor.get(form).content.decode()
        assert visitor.post(form).status_code == 403
    assert not EmailAddress.objects.filter(verified=True).exists()
    assert charlie_client.get("/accounts/profile/").status_code == 200


def test_the_key_of_a_link_leaves_the_path(mallory: Client) -> None:
    path = link(VICTIM)
    key = path.strip("/").rpartition("/")[2]
    form = mallory.get(path).headers["Location"]
    assert key not in form
    page = mallory.get(form).content.decode()
    assert key not in page
    assert f"<strong>{VICTIM}</strong> belongs to your account here" in page
    none = mallory.get("/accounts/confirm-email/%00/", follow=True)
    assert "no longer works" in none.content.decode()


def test_an_unproven_account_adds_no_way_in(mallory: Client) -> None:
    mallory.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = mallory.post("/accounts/email/", {"action_add": "", "email": OWN}).content.decode()
    assert "Confirm your e-mail address first" in page
    assert not EmailAddress.objects.filter(email=OWN).exists()
    mallory.post("/teams/new/", {"name": "Corp"})
    refused = mallory.post("/a/corp/settings/api-keys/", {"name": "Back door"})
    assert "Confirm your e-mail address first" in refused.content.decode()
    assert "tfk_" not in refused.content.decode()


def test_a_second_address_is_not_confirmed_before_the_first(mallory: Client) -> None:
    user = User.objects.get(email=VICTIM)
    EmailAddress.objects.create(user=user, email=OWN)
    mallory.post("/accounts/email/", {"action_send": "", "email": OWN})
    form = mallory.get(link(OWN)).headers["Location"]
    assert mallory.post(form).status_code == 403


def test_where_no_mail_is_sent_nobody_waits_for_it(mallory: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    mallory.post("/accounts/reauthenticate/", {"password": PASSWORD})
    added = mallory.post("/accounts/email/", {"action_add": "", "email": OWN}, follow=True)
    assert EmailAddress.objects.filter(email=OWN).exists()
    page = added.content.decode()
    assert f"sends no mail yet: the link that confirms {OWN} is in the log" in page
    assert f"We have sent a link to {OWN}" not in page


def test_an_address_that_is_only_added_opens_nothing(alice: User) -> None:
    """Mallory's account with the victim's address added waits for the victim to confirm."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    signed_in(alice).post("/accounts/email/", {"action_add": "", "email": VICTIM})
    EmailAddress.objects.get_or_create(user=alice, email=VICTIM)
    Client().post("/accounts/password/reset/", {"email": VICTIM})
    assert "/password/reset/key/" not in str(mail.outbox[-1].body)
    reply = Client().post("/accounts/signup/", {"email": VICTIM, "password1": PASSWORD})
    assert reply.status_code == 302
    assert User.objects.filter(email=VICTIM).exists()


# Signing up where mail is sent.


def test_signing_up_does_not_tell_who_has_an_account(settings: Settings, alice: User) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    pages = []
    for email in (alice.email, VICTIM):
        form = {"email": email, "password1": PASSWORD}
        reply = Client().post("/accounts/signup/", form, follow=True)
        text = re.sub(r'X-CSRFToken": "\w+"', "", reply.content.decode())
        pages.append((reply.redirect_chain, reply.status_code, text.replace(email, "")))
    assert pages[0] == pages[1]
    assert [each.to for each in mail.outbox] == [[alice.email], [VICTIM]]
    assert "already" in str(mail.outbox[0].body)


def test_a_newcomer_confirms_and_is_in(settings: Settings, client: Client) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client.post("/accounts/signup/", {"email": "dana@example.com", "password1": PASSWORD})
    assert client.get("/accounts/profile/").status_code == 302
    form = client.get(link("dana@example.com")).headers["Location"]
    assert "belongs to your account" in client.get(form).content.decode()
    client.post(form)
    assert client.get("/accounts/profile/").status_code == 200


def test_in_another_browser_they_sign_in_first(settings: Settings, client: Client) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client.post("/accounts/signup/", {"email": "dana@example.com", "password1": PASSWORD})
    phone = Client()
    form = phone.get(link("dana@example.com")).headers["Location"]
    assert phone.post(form).status_code == 403
    phone.post("/accounts/login/", {"login": "dana@example.com", "password": PASSWORD})
    phone.get(link("dana@example.com"))
    phone.post(form)
    assert phone.get("/accounts/profile/").status_code == 200


def test_an_address_is_not_flooded(alice: User) -> None:
    for _ in range(12):
        Client().post("/accounts/password/reset/", {"email": alice.email})
    assert len(mail.outbox) == 5
    assert Session.objects.count() == 0
