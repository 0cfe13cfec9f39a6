"""The security headers; tests/pages checks that no page of ours needs more."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.teams.models import Team
from apps.users.models import User
from conftest import PASSWORD


def test_it_works(client: Client, db: None) -> None:
    headers = client.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://github.com" in policy
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_throttling_sees_who_asks(settings: Settings, alice: User) -> None:
    settings.PROXIES = 1
    forged = "198.51.100.{}, 203.0.113.7"
    for guess in range(11):
        wrong = {"login": f"nobody{guess}@example.com", "password": "wrong"}
        _sign_in(wrong, forged.format(guess))
    right = {"login": "alice@example.com", "password": PASSWORD}
    assert "Too many attempts" in _sign_in(right, forged.format(99))
    assert _sign_in(right, "203.0.113.9") == ""
    assert AuditEvent.objects.get(action="account.signed_in").ip_address == "203.0.113.9"


@pytest.mark.parametrize(
    "address", ["::ffff:203.0.113.{}", "203.0.113.{}:4711", "[::ffff:203.0.113.{}]:4711"]
)
def test_nobody_locks_others_out(settings: Settings, alice: User, address: str) -> None:
    """However a proxy writes the address of a client, or the server sees it on `[::]`."""
    settings.PROXIES = 1
    for guess in range(11):
        wrong = {"login": f"nobody{guess}@example.com", "password": "wrong"}
        _sign_in(wrong, address.format(7))
    right = {"login": "alice@example.com", "password": PASSWORD}
    assert "Too many attempts" in _sign_in(right, address.format(7))
    assert _sign_in(right, address.format(9)) == ""
    assert AuditEvent.objects.get(action="account.signed_in").ip_address == "203.0.113.9"


def test_a_server_on_every_address_tells_its_clients_apart(alice: User) -> None:
    client = Client(REMOTE_ADDR="::ffff:203.0.113.9")
    client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    assert AuditEvent.objects.get(action="account.signed_in").ip_address == "203.0.113.9"


def _sign_in(form: dict[str, str], forwarded_for: str) -> str:
    """The page's text; empty if it redirected."""
    headers = {"x-forwarded-for": forwarded_for}
    return Client().post("/accounts/login/", form, headers=headers).content.decode()


@pytest.mark.parametrize("header", ["203.0.113.9", "nonsense", "", "1.1.1.1, , "])
def test_without_proxies_nothing_is_believed(client: Client, alice: User, header: str) -> None:
    right = {"login": "alice@example.com", "password": PASSWORD}
    client.post("/accounts/login/", right, headers={"x-forwarded-for": header})
    assert AuditEvent.objects.get(action="account.signed_in").ip_address == "127.0.0.1"


ELSEWHERE = [
    *("https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)"),
    *("https:evil.example", "\t//evil.example", "http:///evil.example"),
]


@pytest.mark.parametrize("goal", ELSEWHERE)
def test_signing_in_leads_nowhere_else(client: Client, alice: User, goal: str) -> None:
    form = {"login": "alice@example.com", "password": PASSWORD, "next": goal}
    for address in ("/accounts/login/", f"/accounts/login/?next={goal}"):
        reply = client.post(address, form)
        assert "evil" not in reply.headers.get("location", "")
        assert "javascript" not in reply.headers.get("location", "")
        reply = client.post("/accounts/logout/", {"next": goal})
        assert "evil" not in reply.headers.get("location", "")


def test_a_form_that_is_too_large_is_refused(alice_client: Client) -> None:
    assert alice_client.post("/teams/new/", {"name": "x" * 6 * 2**20}).status_code in (400, 413)


def test_a_form_takes_no_files(alice_client: Client) -> None:
    """Their size is not limited as that of other fields."""
    form = {"name": "With a file", "file": SimpleUploadedFile("a.txt", b"x" * 6 * 2**20)}
    assert alice_client.post("/teams/new/", form).status_code == 400
    assert not Team.objects.exists()


def test_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400
