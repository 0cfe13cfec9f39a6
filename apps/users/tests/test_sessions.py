"""`/accounts/sessions/`: where a user is signed in, and signing out everywhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.keeping import retention, rotation
from apps.users.models import Session, User
from conftest import PASSWORD, signed_in

PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36"
)


def sign_in(user: User, browser: str) -> Client:
    client = Client(headers={"user-agent": browser})
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_it_works(alice: User) -> None:
    here, there = sign_in(alice, FIREFOX), sign_in(alice, CHROME)
    page = here.get(PAGE).content.decode()
    assert "Firefox on Linux" in page
    assert "Chrome on Windows" in page
    here.post(PAGE)
    assert "Chrome on Windows" not in here.get(PAGE).content.decode()
    assert there.get(PAGE).status_code == 302


def test_sessions_of_others_are_not_shown(alice: User, bob: User) -> None:
    sign_in(bob, CHROME)
    assert "Chrome" not in sign_in(alice, FIREFOX).get(PAGE).content.decode()


def test_an_unknown_browser(alice: User) -> None:
    page = sign_in(alice, "<script>curl").get(PAGE).content.decode()
    assert "Another program" in page
    assert "<script>curl" not in page


def kept() -> str:
    """All rows of sessions, as found in a stolen database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM users_session")
        return str(cursor.fetchall())


def test_a_row_opens_nothing_and_shows_nothing(alice: User) -> None:
    client = sign_in(alice, FIREFOX)
    cookie = client.cookies["tformance_session"].value
    assert cookie not in kept()
    assert "Firefox" not in kept()
    for stolen in Session.objects.values_list("session_key", "session_data").get():
        thief = Client()
        thief.cookies["tformance_session"] = stolen
        assert thief.get(PAGE).status_code == 302
    assert client.get(PAGE).status_code == 200


def test_what_waits_in_a_session_is_encrypted(client: Client, alice: User) -> None:
    """The key of a reset link waits in the session until the form is sent."""
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = str(mail.outbox[-1].body).split("/accounts/")[1].split()[0]
    client.get(f"/accounts/{link}")
    assert Session.objects.count() == 1
    assert link.strip("/").rpartition("/")[2].partition("-")[2] not in kept()


def test_signing_out_leaves_no_row(alice: User) -> None:
    client = sign_in(alice, FIREFOX)
    client.post("/accounts/logout/")
    assert not Session.objects.filter(user=alice).exists()


def test_another_password_ends_the_others(alice: User) -> None:
    here, there = sign_in(alice, FIREFOX), sign_in(alice, CHROME)
    new = "a different battery horse"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post("/accounts/password/change/", form)
    assert here.get(PAGE).status_code == 200
    assert there.get(PAGE).status_code == 302
    assert Session.objects.filter(user=alice).count() == 1


def test_sessions_go_on_when_keys_are_rotated(alice: User, settings: Settings) -> None:
    client = sign_in(alice, FIREFOX)
    new = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    settings.TOKEN_ENCRYPTION_KEYS = [new, *settings.TOKEN_ENCRYPTION_KEYS]
    rotation.rotate()
    settings.TOKEN_ENCRYPTION_KEYS = [new]
    assert client.get(PAGE).status_code == 200


def test_a_lost_key_signs_out(alice: User, settings: Settings) -> None:
    client = sign_in(alice, FIREFOX)
    settings.TOKEN_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    assert client.get(PAGE).status_code == 302


def test_ended_sessions_are_deleted(alice: User) -> None:
    signed_in(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    retention.forget_audit(timezone.now())
    assert not Session.objects.exists()


def test_a_session_is_bounded_by_the_database(alice: User) -> None:
    signed_in(alice)
    with pytest.raises(DatabaseError), transaction.atomic():
        Session.objects.update(session_data="x" * 64_001)
