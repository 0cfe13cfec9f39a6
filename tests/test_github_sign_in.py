"""Signing in with GitHub, against the simulator: who gets in, and that no token is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.teams import invitations
from apps.teams.membership import create_team
from apps.users.models import Session, User
from github_simulator.testing import Running
from github_simulator.world import OAuthApp

pytestmark = pytest.mark.django_db
CALLBACK = "http://localhost:8000/accounts/github/login/callback/"


@pytest.fixture
def visitor(
    github: Running, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """A signed-out visitor, with GitHub sign-in set up."""
    app = OAuthApp("Iv1.signin", "s3cret", "tformance", [CALLBACK])
    github.simulator.world.oauth_apps[app.client_id] = app
    settings.GITHUB_URL = github.url
    settings.GITHUB_CLIENT_ID, settings.GITHUB_CLIENT_SECRET = app.client_id, app.client_secret
    github_settings = settings.SOCIALACCOUNT_PROVIDERS["github"]
    apps = [{"client_id": app.client_id, "secret": app.client_secret}]
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {**github_settings, "APPS": apps}}
    # allauth reads GITHUB_URL when it is imported, before the simulator has a port.
    for name, path in {
        "access_token_url": "/login/oauth/access_token",
        "authorize_url": "/login/oauth/authorize",
        "profile_url": "/api/v3/user",
        "emails_url": "/api/v3/user/emails",
    }.items():
        monkeypatch.setattr(GitHubOAuth2Adapter, name, github.url + path)
    yield Client(headers={"host": "localhost:8000"})
    del github.simulator.world.oauth_apps[app.client_id]


def ask(visitor: Client, query: str = "") -> dict[str, str]:
    """The parameters of GitHub's consent page."""
    location = visitor.post(f"/accounts/github/login/{query}").headers["Location"]
    return dict(parse_qsl(urlsplit(location).query))


def agree(github: Running, asked: dict[str, str], login: str, button: str = "1") -> str:
    """Presses a button on the consent page; returns where it redirects back to."""
    form = {**asked, "login": login, "authorize": button, "granted": asked["scope"]}
    answer = httpx.post(f"{github.url}/login/oauth/authorize", data=form)
    return answer.headers["location"].removeprefix("http://localhost:8000")


def come_back(visitor: Client, github: Running, login: str, query: str = "") -> HttpResponse:
    response: HttpResponse = visitor.get(agree(github, ask(visitor, query), login))  # type: ignore[assignment]
    return response


def person(github: Running) -> str:
    world = github.simulator.world
    return next(a.login for a in world.accounts.values() if a.type == "User")


def kept() -> str:
    """Everything in the database that could hold a token."""
    sessions = [session.get_decoded() for session in Session.objects.all()]
    events = list(AuditEvent.objects.values_list("details", flat=True))
    accounts = list(SocialAccount.objects.values_list("extra_data", flat=True))
    return json.dumps([sessions, events, accounts])


def test_it_works(visitor: Client, github: Running) -> None:
    assert "Continue with GitHub" in visitor.get("/accounts/login/").content.decode()
    login = person(github)
    response = come_back(visitor, github, login)
    assert response.headers["Location"] == "/"
    account = SocialAccount.objects.get()
    assert account.extra_data["login"] == login
    assert str(User.objects.get()) == (account.extra_data["name"] or User.objects.get().email)
    assert visitor.get("/").headers["Location"] == "/teams/new/"
    assert not SocialToken.objects.exists()
    assert "gho_" not in kept()


def test_only_the_identity_is_requested(visitor: Client, github: Running) -> None:
    asked = ask(visitor)
    assert asked["scope"] == "user:email"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == CALLBACK


def test_the_same_person_comes_back_to_the_same_account(visitor: Client, github: Running) -> None:
    login = person(github)
    come_back(visitor, github, login)
    visitor.post("/accounts/logout/")
    come_back(visitor, github, login)
    assert User.objects.count() == 1


def test_an_equal_address_alone_opens_nobodys_account(visitor: Client, github: Running) -> None:
    login = person(github)
    come_back(visitor, github, login)
    email = User.objects.get().email
    SocialAccount.objects.all().delete()
    visitor.post("/accounts/logout/")
    response = come_back(visitor, github, login)
    assert response.headers["Location"] == "/accounts/3rdparty/signup/"
    page = visitor.get("/accounts/3rdparty/signup/").content.decode()
    assert "One more step" in page
    answer = visitor.post("/accounts/3rdparty/signup/", {"email": email}).content.decode()
    assert "already" in answer
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()
    assert "gho_" not in kept()


def test_cancelling_reports_that_nothing_changed(visitor: Client, github: Running) -> None:
    back = agree(github, ask(visitor), person(github), button="0")
    page = visitor.get(back, follow=True).content.decode()
    assert "You cancelled on the other side" in page
    assert not User.objects.exists()


@pytest.mark.parametrize("sent", ["?code=x&state=y", "?code=x", "?error=server_error", ""])
def test_an_answer_that_nobody_asked_for_is_refused(visitor: Client, sent: str) -> None:
    response = visitor.get(f"/accounts/github/login/callback/{sent}", follow=True)
    assert "Signing in did not work" in response.content.decode()
    assert not User.objects.exists()


def test_an_answer_works_once_and_in_its_own_browser(visitor: Client, github: Running) -> None:
    back = agree(github, ask(visitor), person(github))
    stranger = Client(headers={"host": "localhost:8000"})
    assert "did not work" in stranger.get(back, follow=True).content.decode()
    assert visitor.get(back).headers["Location"] == "/"
    visitor.post("/accounts/logout/")
    assert "did not work" in visitor.get(back, follow=True).content.decode()


def test_github_out_of_reach_is_reported(
    visitor: Client, github: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = agree(github, ask(visitor), person(github))
    monkeypatch.setattr(GitHubOAuth2Adapter, "access_token_url", "http://127.0.0.1:9/token")
    assert "Signing in did not work" in visitor.get(back, follow=True).content.decode()


def test_an_account_adds_github_to_sign_in_with(
    visitor: Client, github: Running, alice: User
) -> None:
    visitor.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    come_back(visitor, github, person(github), "?process=connect")
    assert SocialAccount.objects.get().user == alice
    page = visitor.get("/accounts/3rdparty/").content.decode()
    assert person(github) in page
    account = SocialAccount.objects.get()
    visitor.post("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()
    noted = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"account.github_added", "account.github_removed"} <= noted


def test_an_account_whose_address_is_unproven_adds_none(
    visitor: Client, github: Running, alice: User
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True)
    visitor.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    reply = come_back(visitor, github, person(github), "?process=connect")
    assert "Confirm your e-mail address first" in visitor.get(reply.url).content.decode()  # type: ignore[attr-defined]
    assert not SocialAccount.objects.exists()


def test_where_it_is_not_set_up_there_is_no_button(client: Client) -> None:
    assert "Continue with GitHub" not in client.get("/accounts/login/").content.decode()
    response = client.post("/accounts/github/login/", follow=True)
    assert response.status_code == 404
    assert "tformance.css" in response.content.decode()


def test_where_accounts_are_made_by_invitation_github_makes_none(
    visitor: Client, github: Running, settings: Settings, alice: User
) -> None:
    settings.SIGN_UP = "invited"
    page = visitor.get(agree(github, ask(visitor), person(github)), follow=True).content.decode()
    assert "Accounts are made by invitation" in page
    assert User.objects.count() == 1
    team = create_team("Acme", alice)
    _, link = invitations.invite(team, alice, "member", "stranger@example.com")
    visitor.get(link.removeprefix("http://localhost:8000"))
    come_back(visitor, github, person(github))
    assert User.objects.count() == 1
    _, link = invitations.invite(team, alice, "member")
    visitor.get(link.removeprefix("http://localhost:8000"))
    come_back(visitor, github, person(github))
    assert User.objects.count() == 2


def test_a_domain_is_believed_where_github_has_verified_the_address(
    visitor: Client, github: Running, settings: Settings
) -> None:
    settings.SIGN_UP, settings.SIGN_UP_DOMAINS = "domains", ["elsewhere.example"]
    come_back(visitor, github, person(github))
    assert not User.objects.exists()
    account = github.simulator.world.account(person(github))
    assert account is not None
    settings.SIGN_UP_DOMAINS = [str(account.email).rpartition("@")[2]]
    come_back(visitor, github, person(github))
    assert User.objects.get().email == account.email
