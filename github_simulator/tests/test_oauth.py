"""The OAuth flow of an app: pages, codes, tokens, and how each is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from github_simulator.world import OAuthApp

CALLBACK = "https://tformance.example/integrations/github/callback/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
SCOPES = "read:org repo read:user"


@pytest.fixture
def github() -> Iterator[Running]:
    world = generate(3, datetime.now(UTC), people=9, repositories=3, pull_requests=10)
    world.oauth_apps["Iv1.app"] = OAuthApp("Iv1.app", "s3cret", "tformance", [CALLBACK])
    with running(world) as started:
        yield started


@pytest.fixture
def browser(github: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=github.url) as client:
        yield client


def asking(**changes: str) -> dict[str, str]:
    asked = {"client_id": "Iv1.app", "redirect_uri": CALLBACK, "scope": SCOPES, "state": "st&te"}
    return {**asked, **changes}


def press(browser: httpx.Client, **changes: str | list[str]) -> httpx.Response:
    form = {**asking(), "login": "alice", "authorize": "1", "granted": SCOPES.split()}
    return browser.post("/login/oauth/authorize", data={**form, **changes})


def returned(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 302
    assert response.headers["location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def exchange(browser: httpx.Client, **sent: str) -> httpx.Response:
    body = {"client_id": "Iv1.app", "client_secret": "s3cret", **sent}
    accept = {"accept": "application/json"}
    return browser.post("/login/oauth/access_token", data=body, headers=accept)


def whoami(browser: httpx.Client, token: str) -> httpx.Response:
    return browser.get("/api/v3/user", headers={"authorization": f"Bearer {token}"})


def test_it_works(browser: httpx.Client) -> None:
    page = browser.get("/login/oauth/authorize", params=asking())
    assert page.status_code == 200
    assert "Authorize tformance</button>" in page.text
    assert "Cancel</button>" in page.text
    answer = returned(press(browser))
    assert answer["state"] == "st&te"
    token = exchange(browser, code=answer["code"]).json()
    assert token["access_token"].startswith("gho_")
    assert token["scope"] == "read:org,read:user,repo"
    assert token["token_type"] == "bearer"
    me = whoami(browser, token["access_token"])
    assert me.json()["login"] == "alice"
    assert me.headers["x-oauth-scopes"] == "read:org, read:user, repo"


def test_another_person_with_fewer_scopes(browser: httpx.Client) -> None:
    code = returned(press(browser, login="bob", granted=["read:user"]))["code"]
    token = exchange(browser, code=code).json()
    assert token["scope"] == "read:user"
    assert whoami(browser, token["access_token"]).json()["login"] == "bob"


def test_scopes_that_were_not_asked_for_are_not_granted(browser: httpx.Client) -> None:
    code = returned(press(browser, granted=["repo", "admin:org"]))["code"]
    assert exchange(browser, code=code).json()["scope"] == "repo"


def test_cancelled(browser: httpx.Client) -> None:
    answer = returned(press(browser, authorize="0"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st&te"
    assert "code" not in answer


def test_earlier_consent_is_not_asked_again(browser: httpx.Client) -> None:
    press(browser)
    again = browser.get("/login/oauth/authorize", params=asking())
    assert "code" in returned(again)
    more = browser.get("/login/oauth/authorize", params=asking(scope="admin:org"))
    chooser = browser.get("/login/oauth/authorize", params=asking(prompt="select_account"))
    assert more.status_code == chooser.status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://tformance.example/integrations/github/callback",
        "https://tformance.example/integrations/github/callback/?team=1",
        "https://evil.example/integrations/github/callback/",
        "http://tformance.example/integrations/github/callback/",
    ],
)
def test_address_that_is_not_registered(browser: httpx.Client, address: str) -> None:
    page = browser.get("/login/oauth/authorize", params=asking(redirect_uri=address))
    assert returned(page)["error"] == "redirect_uri_mismatch"


def test_loopback_may_use_any_port(github: Running, browser: httpx.Client) -> None:
    app = github.simulator.world.oauth_apps["Iv1.app"]
    app.callback_urls.append("http://127.0.0.1/callback/")
    mine = {"redirect_uri": "http://127.0.0.1:45123/callback/"}
    assert browser.get("/login/oauth/authorize", params=asking(**mine)).status_code == 200
    other = {"redirect_uri": "http://127.0.0.1:45123/elsewhere/"}
    refused = browser.get("/login/oauth/authorize", params=asking(**other))
    assert returned(refused)["error"] == "redirect_uri_mismatch"


def test_unknown_app_and_unknown_scope(browser: httpx.Client) -> None:
    unknown = browser.get("/login/oauth/authorize", params=asking(client_id="nobody"))
    assert unknown.status_code == 404
    strange = browser.get("/login/oauth/authorize", params=asking(scope="everything"))
    assert returned(strange)["error"] == "invalid_scope"


def test_suspended_app(github: Running, browser: httpx.Client) -> None:
    github.simulator.world.oauth_apps["Iv1.app"].suspended = True
    page = browser.get("/login/oauth/authorize", params=asking())
    assert returned(page)["error"] == "application_suspended"


def test_a_code_works_once(browser: httpx.Client) -> None:
    code = returned(press(browser))["code"]
    assert "access_token" in exchange(browser, code=code).json()
    again = exchange(browser, code=code)
    assert again.status_code == 200
    assert again.json()["error"] == "bad_verification_code"


def test_a_code_lives_ten_minutes(github: Running, browser: httpx.Client) -> None:
    code = returned(press(browser))["code"]
    github.simulator.clock.advance(601)
    assert exchange(browser, code=code).json()["error"] == "bad_verification_code"


def test_wrong_secret_and_wrong_address(browser: httpx.Client) -> None:
    code = returned(press(browser))["code"]
    wrong = exchange(browser, code=code, client_secret="guessed")
    assert wrong.json()["error"] == "incorrect_client_credentials"
    elsewhere = exchange(browser, code=code, redirect_uri="https://evil.example/")
    assert elsewhere.json()["error"] == "redirect_uri_mismatch"


@pytest.mark.parametrize("verifier", [None, "", "w" * 64])
def test_the_verifier_must_fit_the_challenge(browser: httpx.Client, verifier: str | None) -> None:
    challenged = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = returned(press(browser, **challenged))["code"]
    sent = {} if verifier is None else {"code_verifier": verifier}
    assert exchange(browser, code=code, **sent).json()["error"] == "bad_verification_code"


def test_with_the_right_verifier(browser: httpx.Client) -> None:
    challenged = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    page = browser.get("/login/oauth/authorize", params=asking(**challenged))
    assert CHALLENGE in page.text
    code = returned(press(browser, **challenged))["code"]
    assert "access_token" in exchange(browser, code=code, code_verifier=VERIFIER).json()


def test_plain_challenges_are_refused(browser: httpx.Client) -> None:
    plain = asking(code_challenge=VERIFIER, code_challenge_method="plain")
    page = browser.get("/login/oauth/authorize", params=plain)
    assert returned(page)["error"] == "invalid_request"


def test_answers_as_a_form_unless_asked_for_json(browser: httpx.Client) -> None:
    code = returned(press(browser))["code"]
    body = {"client_id": "Iv1.app", "client_secret": "s3cret", "code": code}
    answer = browser.post("/login/oauth/access_token", data=body)
    assert answer.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert parse_qs(answer.text)["token_type"] == ["bearer"]


def test_refreshing_kills_both_old_tokens(github: Running, browser: httpx.Client) -> None:
    github.simulator.world.oauth_apps["Iv1.app"].expiring_tokens = True
    first = exchange(browser, code=returned(press(browser))["code"]).json()
    assert first["expires_in"] == 28800
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = exchange(browser, **renewal).json()
    assert whoami(browser, first["access_token"]).status_code == 401
    assert whoami(browser, second["access_token"]).status_code == 200
    assert exchange(browser, **renewal).json()["error"] == "bad_refresh_token"
    github.simulator.clock.advance(8 * 3600 + 1)
    assert whoami(browser, second["access_token"]).status_code == 401


def test_the_eleventh_token_kills_the_first(browser: httpx.Client) -> None:
    codes = [returned(press(browser))["code"] for _ in range(11)]
    tokens = [exchange(browser, code=code).json()["access_token"] for code in codes]
    assert [whoami(browser, token).status_code for token in tokens] == [401] + [200] * 10


def test_the_app_checks_resets_and_revokes(browser: httpx.Client) -> None:
    token = exchange(browser, code=returned(press(browser))["code"]).json()["access_token"]
    address, basic = "/api/v3/applications/Iv1.app/token", ("Iv1.app", "s3cret")

    def app(method: str, value: str) -> httpx.Response:
        return browser.request(method, address, auth=basic, json={"access_token": value})

    assert app("POST", token).json()["user"]["login"] == "alice"
    reset = app("PATCH", token).json()["token"]
    assert whoami(browser, token).status_code == 401
    assert whoami(browser, reset).status_code == 200
    assert app("DELETE", reset).status_code == 204
    assert whoami(browser, reset).status_code == 401
    assert app("POST", reset).status_code == 404
    nobody = browser.post(address, json={"access_token": reset})
    assert nobody.status_code == 401
    assert browser.post(address, auth=("Iv1.app", "wrong"), json={}).status_code == 401
    assert browser.post(address, auth=basic, json={}).status_code == 422


def test_revoking_the_grant_kills_all_tokens(browser: httpx.Client) -> None:
    codes = [returned(press(browser))["code"] for _ in range(2)]
    first, second = (exchange(browser, code=code).json()["access_token"] for code in codes)
    grant = browser.request(
        "DELETE",
        "/api/v3/applications/Iv1.app/grant",
        auth=("Iv1.app", "s3cret"),
        json={"access_token": first},
    )
    assert grant.status_code == 204
    assert whoami(browser, first).status_code == whoami(browser, second).status_code == 401
    asked_again = browser.get("/login/oauth/authorize", params=asking())
    assert "Authorize tformance" in asked_again.text


def test_an_address_that_is_not_verified(github: Running, browser: httpx.Client) -> None:
    bob = github.simulator.world.account("bob")
    assert bob is not None
    bob.email_verified = False
    code = returned(press(browser, login="bob"))["code"]
    assert exchange(browser, code=code).json()["error"] == "unverified_user_email"
