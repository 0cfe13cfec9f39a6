"""GitHub Apps: created from a manifest, installed, and limited to their permissions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from githubkit.webhooks import parse
from githubkit_schemas.v2022_11_28 import models

from github_simulator.testing import Running, running

from .conftest import acme
from .test_published import holds

BACK = "http://127.0.0.1:8000/made/"
CALLBACK = "http://127.0.0.1:8000/callback/"
HOOK = "http://127.0.0.1:9/hook/"
MANIFEST: dict[str, Any] = {
    "name": "Reader",
    "url": "http://127.0.0.1:8000",
    "redirect_url": BACK,
    "callback_urls": [CALLBACK],
    "request_oauth_on_install": True,
    "public": True,
    "hook_attributes": {"url": HOOK},
    "default_permissions": {"pull_requests": "read", "members": "read"},
    "default_events": ["pull_request", "organization"],
}
RED = "Resource not accessible by integration"


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    with running(acme()) as started:
        yield started


@pytest.fixture(scope="module")
def app(github: Running) -> dict[str, Any]:
    """Created in the browser, its secrets fetched once."""
    sent = {"manifest": json.dumps(MANIFEST), "create": "1", "name": "Reader"}
    made = httpx.post(f"{github.url}/organizations/acme/settings/apps/new?state=s1", data=sent)
    back = urlsplit(made.headers["location"])
    answer = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert answer["state"] == "s1"
    address = f"{github.url}/api/v3/app-manifests/{answer['code']}/conversions"
    reply = httpx.post(address)
    assert reply.status_code == 201
    assert httpx.post(address).status_code == 404  # once
    converted: dict[str, Any] = reply.json()
    return converted


def signed(app: dict[str, Any], **claims: Any) -> dict[str, str]:
    """The App's own token; a claim that is a time is relative to now."""
    now = int(time.time())
    times = {k: now + v.seconds for k, v in claims.items() if isinstance(v, timedelta)}
    said = {"iat": now - 60, "exp": now + 500, "iss": str(app["id"]), **claims, **times}
    token = jwt.encode({k: v for k, v in said.items() if v is not None}, app["pem"], "RS256")
    return {"Authorization": f"Bearer {token}"}


def installed(github: Running, **more: Any) -> tuple[int, dict[str, str]]:
    made = github.act("install_app", owner="acme", app="reader", **more)
    return made["installation"], {"Authorization": f"Bearer {made['token']}"}


def api(github: Running, path: str, headers: dict[str, str], method: str = "GET") -> httpx.Response:
    return httpx.request(method, f"{github.url}/api/v3{path}", headers=headers)


def ask(github: Running, query: str, headers: dict[str, str]) -> dict[str, Any]:
    reply = httpx.post(f"{github.url}/api/graphql", json={"query": query}, headers=headers)
    answer: dict[str, Any] = reply.json()
    return answer


def test_it_works(github: Running, app: dict[str, Any]) -> None:
    holds(models.AppManifestsCodeConversionsPostResponse201, app)
    holds(models.Integration, api(github, "/app", signed(app)).json())
    assert api(github, "/app", signed(app, iss=app["client_id"])).status_code == 200
    number, _ = installed(github)
    [one] = api(github, "/app/installations", signed(app)).json()
    holds(models.Installation, one)
    assert one["id"] == number
    address = f"/app/installations/{number}/access_tokens"
    reply = api(github, address, signed(app), "POST")
    holds(models.InstallationToken, reply.json())
    mine = {"Authorization": f"Bearer {reply.json()['token']}"}
    listed = api(github, "/installation/repositories?per_page=1", mine)
    assert listed.json()["total_count"] == 2
    assert 'rel="next"' in listed.headers["link"]
    holds(models.InstallationRepositoriesGetResponse200, listed.json())
    assert api(github, "/installation/token", mine, "DELETE").status_code == 204
    assert api(github, "/installation/repositories", mine).status_code == 401


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"iss": "7"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
        ({"exp": timedelta(hours=1)}, 401, "too far in the future"),
        ({"exp": 1}, 401, "'Expiration time' claim ('exp') must be"),
        ({"iat": timedelta(hours=1)}, 401, "'Issued at' claim ('iat') must be"),
        ({"iat": None}, 401, "'Issued at' claim ('iat') must be"),
    ],
)
def test_claims_are_checked(
    github: Running, app: dict[str, Any], claims: dict[str, Any], status: int, words: str
) -> None:
    reply = api(github, "/app", signed(app, **claims))
    assert (reply.status_code, words in reply.json()["message"]) == (status, True)


def test_another_key_is_refused(github: Running, app: dict[str, Any]) -> None:
    other = github.act("register_app", owner="bob", name="Other")
    for headers in (signed({**app, "pem": other["pem"]}), {"Authorization": "Bearer ghp_alice"}):
        reply = api(github, "/app", headers)
        assert reply.status_code == 401
        assert reply.json()["message"] == "A JSON web token could not be decoded"
    number, _ = installed(github)
    assert api(github, f"/app/installations/{number}", signed(other)).status_code == 404


def test_permissions_are_enforced(github: Running, app: dict[str, Any]) -> None:
    _, headers = installed(github)
    private = (
        '{ repository(owner: "acme", name: "secret") { pullRequests(first: 1) { nodes { %s } } } }'
    )
    assert "errors" not in ask(github, private % "number", headers)
    refused = ask(github, private % "commits(first: 1) { totalCount }", headers)["errors"]
    assert [(e["type"], e["message"]) for e in refused] == [("FORBIDDEN", RED)]
    less = github.act("install_app", owner="acme", app="reader", permissions=[])["token"]
    less_headers = {"Authorization": f"Bearer {less}"}
    for path in ("/repos/acme/secret/pulls", "/orgs/acme/members", "/repos/acme/api/hooks"):
        reply = api(github, path, less_headers)
        assert (reply.status_code, reply.json()["message"]) == (403, RED), path
    assert api(github, "/repos/acme/api/pulls", less_headers).status_code == 200
    assert api(github, "/orgs/acme/members", headers).json()[1]["login"] == "bob"  # concealed


def test_only_chosen_repositories_are_reached(github: Running, app: dict[str, Any]) -> None:
    _, headers = installed(github, repositories=["acme/api"])
    listed = api(github, "/installation/repositories", headers).json()
    assert [each["full_name"] for each in listed["repositories"]] == ["acme/api"]
    assert api(github, "/repos/acme/secret", headers).status_code == 404
    installed(github)


def test_suspended_and_removed(github: Running, app: dict[str, Any]) -> None:
    number, headers = installed(github)
    github.act("suspend_installation", installation=number)
    tokens = f"/app/installations/{number}/access_tokens"
    for reply in (
        api(github, "/installation/repositories", headers),
        api(github, tokens, signed(app), "POST"),
    ):
        assert reply.status_code == 403
        assert reply.json()["message"] == "This installation has been suspended"
    github.act("unsuspend_installation", installation=number)
    assert api(github, "/installation/repositories", headers).status_code == 200
    github.act("uninstall_app", installation=number)
    assert api(github, "/installation/repositories", headers).status_code == 401
    assert api(github, tokens, signed(app), "POST").status_code == 404


def _install_in_browser(github: Running, login: str, target: str = "acme") -> dict[str, str]:
    form = {"login": login, "target": target}
    reply = httpx.post(f"{github.url}/apps/reader/installations/new?state=s2", data=form)
    assert reply.headers["location"].startswith(CALLBACK)
    query = parse_qs(urlsplit(reply.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def _user_token(github: Running, app: dict[str, Any], code: str) -> dict[str, str]:
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"], "code": code}
    headers = {"Accept": "application/json"}
    address = f"{github.url}/login/oauth/access_token"
    answer = httpx.post(address, data=form, headers=headers).json()
    assert answer["access_token"].startswith("ghu_")
    assert (answer["scope"], answer["expires_in"]) == ("", 28800)
    return {"Authorization": f"Bearer {answer['access_token']}"}


def test_installing_in_the_browser(github: Running, app: dict[str, Any]) -> None:
    answer = _install_in_browser(github, "alice")
    assert answer["state"] == "s2"
    listed = api(github, "/user/installations", _user_token(github, app, answer["code"]))
    holds(models.UserInstallationsGetResponse200, listed.json())
    assert str(listed.json()["installations"][0]["id"]) == answer["installation_id"]
    charlie = _install_in_browser(github, "charlie")
    assert charlie["setup_action"] == "request"
    assert "installation_id" not in charlie
    none = api(github, "/user/installations", _user_token(github, app, charlie["code"]))
    assert none.json()["total_count"] == 0
    classic = {"Authorization": "Bearer ghp_alice"}
    assert api(github, "/user/installations", classic).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_url": None},
        {"surprise": 1},
        {"hook_attributes": {"active": True}},
        {"default_events": ["push"]},
        {"default_permissions": {"pull_requests": "look"}},
        {"setup_url": "http://127.0.0.1/"},
    ],
)
def test_bad_manifests(github: Running, change: dict[str, Any]) -> None:
    sent = {"manifest": json.dumps({**MANIFEST, **change}), "create": "1", "login": "bob"}
    reply = httpx.post(f"{github.url}/settings/apps/new", data=sent)
    assert "Invalid GitHub App" in reply.text


def test_the_apps_hook_receives_events(github: Running, app: dict[str, Any]) -> None:
    number, _ = installed(github)
    github.act("choose_repositories", installation=number, repositories=["acme/api"])
    github.act("choose_repositories", installation=number)
    github.act("open", repository="acme/secret", actor="bob")
    github.act("add_member", organization="acme", login="charlie")
    github.act("remove_member", organization="acme", login="charlie")
    github.act("suspend_installation", installation=number)
    github.act("open", repository="acme/api", actor="bob")  # not sent: suspended
    github.act("unsuspend_installation", installation=number)
    github.act("accept_permissions", installation=number, permissions=app["permissions"])
    github.act("revoke_app_authorization", app="reader", login="alice")
    github.act("uninstall_app", installation=number)
    assert github.simulator.deliveries.wait()
    first = api(github, "/app/hook/deliveries?per_page=2", signed(app))
    rest = httpx.get(first.links["next"]["url"] + "&per_page=100", headers=signed(app))
    listed = first.json() + rest.json()
    mine = [d for d in github.simulator.deliveries.attempted if d.hook.url == HOOK]
    assert [each["id"] for each in listed] == [d.id for d in reversed(mine)]
    events = [(d.event, d.action) for d in mine]
    assert events[-10:] == [
        ("installation_repositories", "removed"),
        ("installation_repositories", "added"),
        ("pull_request", "opened"),
        ("organization", "member_added"),
        ("organization", "member_removed"),
        ("installation", "suspend"),
        ("installation", "unsuspend"),
        ("installation", "new_permissions_accepted"),
        ("github_app_authorization", "revoked"),
        ("installation", "deleted"),
    ]
    for delivery in mine:
        parse(delivery.event, delivery.body)
        assert delivery.request_headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
        assert delivery.request_headers["X-GitHub-Hook-Installation-Target-ID"] == str(app["id"])
    opened = next(json.loads(d.body) for d in mine if d.event == "pull_request")
    assert opened["installation"]["id"] == number


def _config(
    github: Running, headers: dict[str, str], sent: Any = None, method: str = "PATCH"
) -> httpx.Response:
    return httpx.request(method, f"{github.url}/api/v3/app/hook/config", headers=headers, json=sent)


def test_the_hook_is_led_elsewhere(github: Running) -> None:
    """Unnamed fields stay as they are; from then on events go to the new URL."""
    other = github.act("register_app", owner="acme", name="Moving", manifest={**MANIFEST})
    mine = signed(other)
    holds(models.WebhookConfig, _config(github, mine, method="GET").json())
    elsewhere = "http://127.0.0.1:9/elsewhere/"
    changed = _config(github, mine, {"url": elsewhere, "insecure_ssl": 0})
    assert changed.status_code == 200
    holds(models.WebhookConfig, changed.json())
    assert changed.json() == {
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
        "url": elsewhere,
    }
    assert _config(github, mine, method="GET").json() == changed.json()
    github.act("install_app", owner="acme", app="moving")
    assert github.simulator.deliveries.wait()
    last = github.simulator.deliveries.attempted[-1]
    assert (last.event, last.hook.url) == ("installation", elsewhere)
    assert last.hook.secret == other["webhook_secret"]


NOT_VALID = "The URL you've entered is not valid"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"url": 42}, "For 'properties/url', 42 is not a string."),
        ({"url": None}, "For 'properties/url', nil is not a string."),
        ({"secret": ["s"]}, "For 'properties/secret', "),
        ({"content_type": True}, "For 'properties/content_type', true is not a string."),
        ({"insecure_ssl": True}, "For 'properties/insecure_ssl', true is not a string."),
        ({"url": ""}, "url cannot be blank"),
        ({"url": "ftp://127.0.0.1/"}, "url scheme must be http or https"),
        ({"url": "http:///hook/"}, NOT_VALID),
        ({"url": "http://127.0.0.1:9/a hook/"}, NOT_VALID),
        ({"content_type": "xml"}, "content_type must be json or form"),
    ],
)
def test_an_invalid_config(
    github: Running, app: dict[str, Any], sent: dict[str, Any], words: str
) -> None:
    reply = _config(github, signed(app), sent)
    assert reply.status_code == 422
    assert words in "".join([reply.json()["message"], *_messages(reply)])
    assert _config(github, signed(app), method="GET").json()["url"] == HOOK


def _messages(reply: httpx.Response) -> list[str]:
    return [each["message"] for each in reply.json().get("errors", [])]


def test_hooks_of_others_cannot_be_changed(github: Running) -> None:
    bare = github.act("register_app", owner="bob", name="Without a hook")
    sent = {"url": HOOK}
    assert _config(github, signed(bare), sent).status_code == 404
    assert _config(github, {"Authorization": "Bearer ghp_alice"}, sent).status_code == 401


DEPLOYMENTS = '{ repository(owner: "acme", name: "secret") { deployments { totalCount } } }'


def test_new_permissions_wait_until_they_are_accepted() -> None:
    with running(acme()) as github:
        manifest = {"default_permissions": {"pull_requests": "read"}, "default_events": []}
        hook = {"hook_attributes": {"url": HOOK}}
        app = github.act("register_app", owner="acme", name="Reader", manifest={**manifest, **hook})
        number, _ = installed(github)
        more = {"deployments": "read"}
        github.act("ask_permissions", app="reader", permissions=more, events=["deployment_status"])

        def read() -> dict[str, Any]:
            address = f"/app/installations/{number}/access_tokens"
            token = api(github, address, signed(app), "POST").json()["token"]
            return ask(github, DEPLOYMENTS, {"Authorization": f"Bearer {token}"})

        def events() -> list[str]:
            github.act("deploy", repository="acme/secret", state="SUCCESS")
            assert github.simulator.deliveries.wait()
            return [each.event for each in github.simulator.deliveries.attempted]

        (refused,) = read()["errors"]
        assert (refused["type"], refused["path"]) == ("FORBIDDEN", ["repository", "deployments"])
        assert "deployment_status" not in events()
        page = f"{github.url}/organizations/acme/settings/installations/{number}/permissions/update"
        assert "It asks for more: deployments: read" in httpx.get(page).text
        httpx.post(page, data={"do": "accept"})
        assert "errors" not in read()
        assert events()[-1] == "deployment_status"
        assert "It asks for more" not in httpx.get(page).text
