"""A GitHub App on the simulated GitHub, and what people do with it in the browser."""

from __future__ import annotations

import json
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.test import Client
from pytest_django import Settings

from apps.integrations.tests import github as small
from github_simulator import acts
from github_simulator.testing import Running

NEW = "/a/acme/integrations/github/app/"
HOOK = "http://localhost:8000/webhooks/github/"
MANIFEST = {
    "callback_urls": [small.CALLBACK],
    "request_oauth_on_install": True,
    "public": True,
    "hook_attributes": {"url": HOOK, "active": True},
    "default_permissions": {"contents": "read", "members": "read", "pull_requests": "read"},
    "default_events": [
        *("member", "membership", "organization", "pull_request", "pull_request_review"),
        *("pull_request_review_comment", "pull_request_review_thread", "repository"),
    ],
}


def set_up(github: Running, settings: Settings, **changes: Any) -> dict[str, Any]:
    """A manually registered App, and settings that name it."""
    asked = {"owner": "acme", "name": "Reader", "manifest": {**MANIFEST, **changes}}
    made = acts.act(github.simulator, "register_app", asked)
    settings.GITHUB_APP_ID = str(made["id"])
    settings.GITHUB_APP_PRIVATE_KEY = made["pem"]
    settings.GITHUB_APP_WEBHOOK_SECRET = made["webhook_secret"]
    settings.GITHUB_APP_CLIENT_SECRET = made["client_secret"]
    return made


def make(client: Client, button: str = "Make it for acme", name: str = "") -> str:
    """Presses the button here, and the one on GitHub; returns where GitHub redirects to."""
    page = client.get(NEW, {"organization": "acme"}).content.decode()
    action, manifest = manifest_of(page, button)
    form = {"manifest": text(manifest), "create": "1", "name": name or manifest["name"]}
    reply = httpx.post(action, data={**form, "login": "ada"})
    assert reply.status_code == 302, reply.text
    return small.path_of(reply.headers["location"])


def begin(client: Client, method: str = "app", team: str = "acme", **form: str) -> str:
    """Presses a button of the connect page; returns the URL on GitHub."""
    sent = {"method": method, **form}
    reply = client.post(f"/a/{team}/integrations/github/connect/", sent)
    assert reply.status_code == 302, reply.content
    return reply.headers["location"]


def install(url: str, login: str = "ada", target: str = "acme", **form: str) -> str:
    """Installs the App as a person would; returns where GitHub redirects to."""
    reply = httpx.post(url, data={"login": login, "target": target, **form})
    assert reply.status_code == 302, reply.text
    return reply.headers["location"]


def connect(client: Client, team: str = "acme", **form: str) -> None:
    """Connects Acme by the App, all the way."""
    came_back = small.path_of(install(begin(client, team=team), **form))
    reply = client.get(came_back)
    assert reply.headers.get("location") == f"/a/{team}/integrations/github/repos/", (
        small.messages_of(client, f"/a/{team}/integrations/")
    )


def deliver(github: Running, client: Client, since: int = 0) -> list[int]:
    """Sends the App hook's deliveries since then to our endpoint; returns the status codes."""
    assert github.simulator.deliveries.wait()
    statuses = []
    for delivery in list(github.simulator.deliveries.attempted)[since:]:
        if urlsplit(delivery.hook.url).path == "/webhooks/github/":
            headers = delivery.request_headers
            reply = client.post(
                "/webhooks/github/",
                delivery.sent,
                content_type=headers["Content-Type"],
                headers={k: v for k, v in headers.items() if k.startswith("X-")},
            )
            statuses.append(reply.status_code)
    return statuses


def manifest_of(page: str, button: str) -> tuple[str, dict[str, Any]]:
    """The action of the form with that button, and the manifest that it sends."""
    start = page.rindex('<form method="post" action="', 0, page.index(button))
    form = page[start : page.index(button)]
    action = unescape(form.split('action="')[1].split('"')[0])
    return action, json.loads(unescape(form.split('name="manifest" value="')[1].split('"')[0]))


def text(manifest: dict[str, Any]) -> str:
    """As the form sends it."""
    return json.dumps(manifest)
