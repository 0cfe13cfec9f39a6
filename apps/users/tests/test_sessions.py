"""`/accounts/sessions/`: where one is signed in, and signing out everywhere else."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from apps.users.models import User
from conftest import PASSWORD

PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36"
)


@pytest.fixture(autouse=True)
def _forget_attempts() -> None:
    cache.clear()


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


def test_nobody_elses_are_shown(alice: User, bob: User) -> None:
    sign_in(bob, CHROME)
    assert "Chrome" not in sign_in(alice, FIREFOX).get(PAGE).content.decode()


def test_an_unknown_browser(alice: User) -> None:
    page = sign_in(alice, "<script>curl").get(PAGE).content.decode()
    assert "Another program" in page
    assert "<script>curl" not in page
