"""Signing up, in and out, and resetting a forgotten password."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.views.defaults import server_error

from apps.audit.models import AuditEvent
from apps.teams.models import Team
from apps.users.models import User
from conftest import PASSWORD

pytestmark = pytest.mark.django_db


def sign_up(client: Client, email: str, password: str = PASSWORD, **more: str) -> object:
    form = {"email": email, "password1": password, **more}
    return client.post("/accounts/signup/", form)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_it_works(client: Client) -> None:
    response = client.post(
        "/accounts/signup/", {"email": "Dana@Example.com", "password1": PASSWORD}, follow=True
    )
    assert response.redirect_chain[-1][0] == "/teams/new/"
    assert "Make your team" in response.content.decode()
    user = User.objects.get()
    assert user.email == "dana@example.com"
    assert "dana@example.com" in mail.outbox[0].to
    assert actions() == ["account.signed_up", "account.signed_in"]
    assert set(AuditEvent.objects.values_list("actor_email", flat=True)) == {"dana@example.com"}


def test_an_address_has_one_account(client: Client, alice: User) -> None:
    page = client.post(
        "/accounts/signup/", {"email": "ALICE@example.com", "password1": PASSWORD}
    ).content.decode()
    assert "Sign in instead" in page
    assert User.objects.count() == 1


def test_a_weak_password_is_refused_with_the_reason(client: Client) -> None:
    page = client.post(
        "/accounts/signup/", {"email": "dana@example.com", "password1": "password"}
    ).content.decode()
    assert "too common" in page
    assert not User.objects.exists()


def test_signing_in_leads_to_the_team(client: Client, alice: User, team: Team) -> None:
    response = client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    assert response.headers["Location"] == "/"
    assert client.get("/").headers["Location"] == "/a/acme/"
    assert actions() == ["account.signed_in"]


def test_a_wrong_password_says_so(client: Client, alice: User) -> None:
    page = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    assert "The e-mail address or the password is wrong." in page.content.decode()
    assert client.get("/teams/new/").status_code == 302


def test_signing_in_leads_on_to_where_one_was_going(
    client: Client, alice: User, team: Team
) -> None:
    sign_in = client.get("/a/acme/settings/?x=1").headers["Location"]
    assert sign_in == "/accounts/login/?next=/a/acme/settings/%3Fx%3D1"
    form = {"login": alice.email, "password": PASSWORD, "next": "/a/acme/settings/?x=1"}
    response = client.post("/accounts/login/", form)
    assert response.headers["Location"] == "/a/acme/settings/?x=1"


@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.example/",
        "http://localhost:6666/",
        "http://127.0.0.1:6666/",
        "http://localhost/",
        "//localhost:6666/",
        "/\\localhost:6666/",
        "http://[::1",
        "/" + "x" * 3_000,
    ],
)
def test_signing_in_never_leads_elsewhere(client: Client, alice: User, goal: str) -> None:
    form = {"login": alice.email, "password": PASSWORD, "next": goal}
    assert client.post("/accounts/login/", form).headers["Location"] == "/"


def test_a_new_password_says_what_outlives_it(alice_client: Client) -> None:
    page = alice_client.get("/accounts/password/change/").content.decode()
    assert "Keys of the read API stay valid" in page


def test_too_many_attempts_are_stopped(client: Client, alice: User) -> None:
    form = {"login": alice.email, "password": "wrong"}
    pages = [client.post("/accounts/login/", form).content.decode() for _ in range(12)]
    assert "Too many attempts" in pages[-1]


def test_signing_out(alice_client: Client) -> None:
    assert "Sign out?" in alice_client.get("/accounts/logout/").content.decode()
    assert alice_client.post("/accounts/logout/").headers["Location"] == "/"
    assert "Make an account" in alice_client.get("/").content.decode()
    assert "account.signed_out" in actions()


def test_a_forgotten_password_is_replaced_by_a_link(client: Client, alice: User) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link
    form_address = client.get(link.group(1)).headers["Location"]
    assert "Choose a new password" in client.get(form_address).content.decode()
    new = "a different battery horse"
    client.post(form_address, {"password1": new, "password2": new}, follow=True)
    response = client.post("/accounts/login/", {"login": alice.email, "password": new})
    assert response.status_code == 302
    again = Client().get(link.group(1), follow=True).content.decode()
    assert "This link no longer works" in again


def test_a_reset_does_not_tell_who_has_an_account(client: Client, alice: User) -> None:
    known = client.post("/accounts/password/reset/", {"email": alice.email}, follow=True)
    unknown = client.post("/accounts/password/reset/", {"email": "x@example.com"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert "Check your mail" in known.content.decode()
    assert _without_token(known.content) == _without_token(unknown.content)


def test_the_name_that_others_see(alice_client: Client, alice: User) -> None:
    alice_client.post("/accounts/profile/", {"first_name": "Alice Nguyen"})
    assert "Alice Nguyen" in alice_client.get("/accounts/profile/").content.decode()
    alice_client.post("/accounts/profile/", {"first_name": "Alice\r\n\tNguyen"})
    assert User.objects.get(pk=alice.pk).first_name == "Alice Nguyen"


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/inactive/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/nonsense/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/done/",
        "/accounts/password/reset/key/1-nonsense/",
        "/accounts/3rdparty/login/cancelled/",
        "/accounts/3rdparty/login/error/",
        "/nothing-here/",
    ],
)
def test_every_page_of_the_signed_out_is_ours(client: Client, address: str) -> None:
    _is_ours(client, address)


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/logout/",
        "/accounts/profile/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/password/set/",
        "/accounts/reauthenticate/",
        "/accounts/3rdparty/",
        "/teams/new/",
    ],
)
def test_every_page_of_an_account_is_ours(alice_client: Client, address: str) -> None:
    _is_ours(alice_client, address)


def test_an_account_without_a_password_can_choose_one(alice_client: Client, alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    _is_ours(client, "/accounts/password/set/")


def test_a_forged_form_is_refused_in_our_look(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert response.status_code == 403
    assert "This page was open for too long" in response.content.decode()
    assert "tformance.css" in response.content.decode()


def test_an_internal_error_is_reported_without_the_database(client: Client) -> None:
    page = server_error(client.get("/").wsgi_request).content.decode()
    assert "Something went wrong on our side" in page
    assert "tformance.css" in page


def _without_token(page: bytes) -> str:
    return re.sub(r'X-CSRFToken": "\w+"', "", page.decode())


def _is_ours(client: Client, address: str) -> None:
    page = client.get(address, follow=True).content.decode()
    assert "tformance.css" in page
    assert page.count("<h1") == 1
    assert "<script>" not in page
    assert "style=" not in page
    assert not re.search(r"\son[a-z]+=", page)


def test_where_no_mail_is_sent_pages_say_where_it_is(client: Client, settings: Any) -> None:
    address = "/accounts/password/reset/done/"
    assert "sends no mail" not in client.get(address).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "does not send mail yet" in client.get(address).content.decode()
