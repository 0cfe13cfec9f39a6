"""Authenticator and recovery codes: set up, asked for, used once, stored encrypted, removed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.integrations.keeping import rotation
from apps.teams import api_keys
from apps.teams.models import Team
from apps.users.models import Session, User
from conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/2fa/"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture(autouse=True)
def _give_time_for_codes(settings: Settings) -> None:
    settings.MFA_TOTP_TOLERANCE = 1  # a code may expire before a slow machine has submitted it


def code(secret: str) -> str:
    """The app's current code (RFC 6238)."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    start = digest[-1] & 0xF
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def sign_in(user: User) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def set_up(client: Client) -> tuple[str, list[str]]:
    """Sets up an app; returns its secret and the recovery codes, as the pages show them."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(f"{PAGE}totp/activate/").content.decode()
    found = re.search(r'value="([A-Z2-7]{32})"', page)
    assert found, page
    reply = client.post(f"{PAGE}totp/activate/", {"code": code(found[1])}, follow=True)
    codes = re.findall(r"<code>(\d{8})</code>", reply.content.decode())
    cache.clear()  # each code works once, and the next is half a minute away
    return found[1], codes


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.django_db(transaction=True)  # mail and audit entries are written after the commit
def test_it_works(alice: User) -> None:
    secret, codes = set_up(sign_in(alice))
    assert len(codes) == 10
    client = Client()
    form = {"login": alice.email, "password": PASSWORD, "next": "/accounts/profile/"}
    first = client.post("/accounts/login/", form)
    assert first.headers["Location"].startswith(f"{PAGE}authenticate/")
    assert client.get("/accounts/profile/").status_code == 302
    wrong = client.post(f"{PAGE}authenticate/", {"code": "000000"}).content.decode()
    assert "This code is not right" in wrong
    second = client.post(f"{PAGE}authenticate/", {"code": code(secret)})
    assert second.headers["Location"] == "/accounts/profile/"
    assert client.get("/accounts/profile/").status_code == 200
    assert actions()[-3:] == [
        "account.factor_refused",
        "account.factor_used",
        "account.signed_in",
    ]
    assert [message.subject for message in mail.outbox] == ["An app was set up for signing in"]
    assert "for your account" in str(mail.outbox[0].body)


def test_a_code_works_once(alice: User) -> None:
    secret, _ = set_up(sign_in(alice))
    now = code(secret)
    pages = [sign_in(alice).post(f"{PAGE}authenticate/", {"code": now}) for _ in range(2)]
    assert [page.status_code for page in pages] == [302, 200]


def test_a_recovery_code_works_once(alice: User) -> None:
    _, codes = set_up(sign_in(alice))
    pages = [sign_in(alice).post(f"{PAGE}authenticate/", {"code": codes[0]}) for _ in range(2)]
    assert [page.status_code for page in pages] == [302, 200]


def test_recovery_codes_are_shown_once(alice: User) -> None:
    client = sign_in(alice)
    _, codes = set_up(client)
    again = client.get(f"{PAGE}recovery-codes/").content.decode()
    assert not [each for each in codes if each in again]
    assert "10 of 10 codes are left" in again
    download = client.get(f"{PAGE}recovery-codes/download/")
    assert download.status_code == 403
    fresh = client.post(f"{PAGE}recovery-codes/generate/", follow=True).content.decode()
    assert len(set(re.findall(r"<code>(\d{8})</code>", fresh)) - set(codes)) == 10
    reply = sign_in(alice).post(f"{PAGE}authenticate/", {"code": codes[0]})
    assert reply.status_code == 200, "a code of the former ones still works"


def test_guessing_is_stopped(alice: User) -> None:
    set_up(sign_in(alice))
    client = sign_in(alice)
    pages = [client.post(f"{PAGE}authenticate/", {"code": f"{n:06}"}) for n in range(12)]
    assert "Too many attempts" in pages[-1].content.decode()


def test_changes_ask_for_the_password_again(alice: User) -> None:
    set_up(sign_in(alice))
    alice.refresh_from_db()
    client = signed_in(alice)  # signed in long ago
    for address in ("totp/deactivate/", "recovery-codes/generate/", "webauthn/add/"):
        for reply in (client.get(f"{PAGE}{address}"), client.post(f"{PAGE}{address}")):
            assert reply.status_code == 302
            assert "reauthenticate" in reply.headers["Location"]
    assert Authenticator.objects.count() == 2


def test_removing_ends_it_all(alice: User) -> None:
    client = sign_in(alice)
    set_up(client)
    client.post(f"{PAGE}totp/deactivate/")
    assert not Authenticator.objects.exists()
    assert sign_in(alice).get("/accounts/profile/").status_code == 200
    assert actions().count("account.factor_removed") == 2
    assert mail.outbox[-1].subject == "The app for signing in was removed"


def test_an_unconfirmed_address_cannot_be_protected(settings: Settings, client: Client) -> None:
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False
    client.post("/accounts/signup/", {"email": "dana@example.com", "password1": PASSWORD})
    page = client.get(f"{PAGE}totp/activate/", follow=True).content.decode()
    assert "Confirm your e-mail address first" in page


def test_nobody_elses_passkey_can_be_touched(alice: User, charlie: User) -> None:
    row = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop"})
    client = sign_in(charlie)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for address in ("remove", "edit"):
        path = f"{PAGE}webauthn/keys/{row.pk}/{address}/"
        assert client.get(path).status_code == 404
        assert client.post(path, {"name": "mine"}).status_code == 404
    assert Authenticator.objects.get().data == {"name": "Laptop"}


def test_malformed_credentials_are_refused(alice: User) -> None:
    client = sign_in(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for nonsense in ("", "x", "[]", "{}", '{"response": []}', '{"id": "\\u0000"}', "null", "1"):
        client.get(f"{PAGE}webauthn/add/")
        reply = client.post(f"{PAGE}webauthn/add/", {"credential": nonsense})
        assert "could not be used" in reply.content.decode(), nonsense
        for page in ("login", "reauthenticate"):
            visitor = Client() if page == "login" else client
            visitor.get(f"{PAGE}webauthn/{page}/", headers={"accept": "application/json"})
            reply = visitor.post(f"{PAGE}webauthn/{page}/", {"credential": nonsense})
            assert reply.status_code == 302, nonsense
    assert not Authenticator.objects.exists()


def _kept() -> str:
    """All rows of second factors and sessions, as found in a stolen database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        rows = [str(row) for row in cursor.fetchall()]
    return " ".join([*rows, *(str(row.get_decoded()) for row in Session.objects.all())])


def test_secrets_are_kept_encrypted(alice: User) -> None:
    client = sign_in(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(f"{PAGE}totp/activate/").content.decode()
    waiting = re.search(r'value="([A-Z2-7]{32})"', page)
    assert waiting
    assert waiting[1] not in _kept()
    secret, codes = set_up(client)
    for each in (secret, *codes):
        assert each not in _kept()


def test_keys_are_rotated(alice: User, settings: Settings) -> None:
    secret, codes = set_up(sign_in(alice))
    settings.TOKEN_ENCRYPTION_KEYS = [KEY, *settings.TOKEN_ENCRYPTION_KEYS]
    assert rotation.rotate() == 2
    settings.TOKEN_ENCRYPTION_KEYS = [KEY]
    assert sign_in(alice).post(f"{PAGE}authenticate/", {"code": code(secret)}).status_code == 302
    assert sign_in(alice).post(f"{PAGE}authenticate/", {"code": codes[3]}).status_code == 302


def test_staff_can_remove_a_lost_one_and_see_nothing_of_it(alice: User) -> None:
    secret, codes = set_up(sign_in(alice))
    staff = User.objects.create(email="staff@example.com", is_staff=True, is_superuser=True)
    client = signed_in(staff)
    rows = list(Authenticator.objects.all())
    shown = [client.get(f"/admin/mfa/authenticator/{row.pk}/change/").content for row in rows]
    kept = [value for row in rows for value in row.data.values() if isinstance(value, str)]
    for each in (secret, *codes, *kept):
        assert each.encode() not in b"".join(shown)
    for row in rows:
        client.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})
    assert sign_in(alice).get("/accounts/profile/").status_code == 200


# A team that requires a second factor.


def _ask_for_it(client: Client) -> str:
    form = {"name": "Acme", "timezone": "UTC", "require_second_factor": "on"}
    return client.post("/a/acme/settings/", form, follow=True).content.decode()


def test_a_team_can_ask_for_it(team: Team, alice: User, bob: User) -> None:
    alices, bobs = sign_in(alice), sign_in(bob)
    _, key = api_keys.make(team, bob, "Wallboard")
    set_up(alices)
    assert "The settings are saved" in _ask_for_it(alices)
    assert alices.get("/a/acme/people/").status_code == 200
    refused = bobs.get("/a/acme/people/")
    assert refused.status_code == 403
    assert "Set up a second factor" in refused.content.decode()
    reply = bobs.get("/a/acme/people/", headers={"accept": "application/json"})
    assert (reply.status_code, "second factor" in reply.json()["error"]) == (403, True)
    bearer = {"authorization": f"Bearer {key}"}
    assert Client().get("/api/v1/team", headers=bearer).status_code == 401
    set_up(bobs)
    assert bobs.get("/a/acme/people/").status_code == 200
    assert Client().get("/api/v1/team", headers=bearer).status_code == 200


def test_an_admin_who_requires_it_has_one(team: Team, alice: User) -> None:
    page = _ask_for_it(sign_in(alice))
    assert "Set one up for yourself first" in page
    assert not Team.objects.get().require_second_factor


def test_an_outsider_learns_nothing(team: Team, charlie: User) -> None:
    Team.objects.update(require_second_factor=True)
    assert sign_in(charlie).get("/a/acme/").status_code == 404


def test_a_session_from_before_has_not_proven_it(team: Team, alice: User) -> None:
    """Setting up or using a factor in another browser proves nothing about this session."""
    before = sign_in(alice)
    secret, _ = set_up(sign_in(alice))
    Team.objects.update(require_second_factor=True)
    page = before.get("/a/acme/people/")
    assert page.status_code == 403
    assert "Use your second factor" in page.content.decode()
    reply = before.get("/a/acme/people/", headers={"accept": "application/json"})
    assert (reply.status_code, "Sign in again" in reply.json()["error"]) == (403, True)
    found = re.search(r'href="(/accounts/reauthenticate/[^"]+)"', page.content.decode())
    assert found
    asked = before.get(found[1], follow=True)
    assert asked.redirect_chain[-1][0].startswith(f"{PAGE}reauthenticate/?next=")
    before.post(f"{PAGE}reauthenticate/", {"code": code(secret)})
    assert before.get("/a/acme/people/").status_code == 200


def test_the_password_alone_changes_no_factor_from_a_session_from_before(alice: User) -> None:
    before = sign_in(alice)
    set_up(sign_in(alice))
    asked = before.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert asked.headers["Location"] == f"{PAGE}reauthenticate/"
    for address in ("totp/deactivate/", "webauthn/add/", "recovery-codes/generate/"):
        assert "reauthenticate" in before.post(f"{PAGE}{address}").headers["Location"]
    assert Authenticator.objects.count() == 2


def test_passkeys_are_bounded(alice: User) -> None:
    client = sign_in(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get(f"{PAGE}webauthn/add/")
    huge = json.dumps({"id": "x" * 20_000})
    reply = client.post(f"{PAGE}webauthn/add/", {"credential": huge})
    assert "could not be used" in reply.content.decode()
