"""Hooks as an app uses them: created, pinged, delivered, failed, redelivered, changed, deleted."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from github_simulator.generator import generate
from github_simulator.hooks import signature
from github_simulator.testing import Running, running
from github_simulator.world import Token

REPOSITORY = "acme/billing-service"
HOOKS = f"/api/v3/repos/{REPOSITORY}/hooks"
SECRET = "It's a Secret to Everybody"


@dataclass
class Received:
    headers: Any
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)


@dataclass
class Ear:
    url: str = ""
    status: int = 200
    heard: list[Received] = field(default_factory=list)

    def events(self) -> list[tuple[str, str | None]]:
        return [(r.headers["X-GitHub-Event"], r.payload.get("action")) for r in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ear.heard.append(Received(self.headers, body))
            self.send_response(ear.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ear.url = f"http://127.0.0.1:{server.server_port}/webhooks/github/"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield ear
    server.shutdown()
    server.server_close()


@pytest.fixture
def github() -> Iterator[Running]:
    world = generate(5, datetime.now(UTC), people=14, repositories=2, pull_requests=30)
    with running(world) as started:
        yield started


@pytest.fixture
def alice(github: Running) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {github.token}"}
    with httpx.Client(base_url=github.url, headers=headers) as client:
        yield client


def wanted(ear: Ear, *events: str, secret: str | None = SECRET) -> dict[str, Any]:
    config = {"url": ear.url, "content_type": "json"}
    if secret:
        config["secret"] = secret
    return {"name": "web", "config": config, "events": list(events or ("pull_request",))}


def made(alice: httpx.Client, ear: Ear, *events: str) -> dict[str, Any]:
    answer = alice.post(HOOKS, json=wanted(ear, *events))
    assert answer.status_code == 201, answer.text
    hook: dict[str, Any] = answer.json()
    return hook


def act(github: Running, alice: httpx.Client, name: str, /, **given: Any) -> Any:
    body = {"act": name, "repository": REPOSITORY, "actor": "bob", **given}
    answer = alice.post("/_control/acts", json=body)
    assert answer.status_code == 200, answer.text
    assert github.simulator.deliveries.wait()
    return answer.json()


def test_it_works(github: Running, alice: httpx.Client, ear: Ear) -> None:
    hook = made(alice, ear, "pull_request", "pull_request_review")
    act(github, alice, "open", title="Round invoices")
    assert ear.events() == [("ping", None), ("pull_request", "opened")]
    ping, opened = ear.heard
    assert ping.payload["hook_id"] == hook["id"]
    assert opened.payload["pull_request"]["title"] == "Round invoices"
    assert opened.payload["sender"]["login"] == "bob"
    assert opened.headers["X-GitHub-Hook-ID"] == str(hook["id"])
    assert opened.headers["X-GitHub-Hook-Installation-Target-Type"] == "repository"
    assert opened.headers["User-Agent"].startswith("GitHub-Hookshot/")


def test_signature_is_over_the_raw_body(github: Running, alice: httpx.Client, ear: Ear) -> None:
    made(alice, ear)
    act(github, alice, "open", title="emoji 🚀 and עברית")
    for heard in ear.heard:
        digest = hmac.new(SECRET.encode(), heard.body, hashlib.sha256).hexdigest()
        assert heard.headers["X-Hub-Signature-256"] == f"sha256={digest}"


def test_signature_of_githubs_known_answer() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature(SECRET, b"Hello, World!") == expected


def test_merged_is_closed_and_review_states_are_lower_case(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    made(alice, ear, "pull_request", "pull_request_review")
    number = act(github, alice, "open")["number"]
    act(github, alice, "review", number=number, state="APPROVED", actor="alice")
    act(github, alice, "merge", number=number)
    assert ear.events()[2:] == [("pull_request_review", "submitted"), ("pull_request", "closed")]
    review, closed = ear.heard[2:]
    assert review.payload["review"]["state"] == "approved"
    assert "additions" not in review.payload["pull_request"]
    assert closed.payload["pull_request"]["merged"] is True
    assert closed.payload["pull_request"]["state"] == "closed"


def test_the_secret_is_never_shown(alice: httpx.Client, ear: Ear) -> None:
    hook = made(alice, ear)
    assert hook["config"]["secret"] == "********"
    for address in ("", f"/{hook['id']}", f"/{hook['id']}/config"):
        assert SECRET not in alice.get(HOOKS + address).text


def test_a_changed_config_without_secret_removes_it(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    own = f"{HOOKS}/{made(alice, ear)['id']}"
    config = {"url": ear.url, "content_type": "json"}
    assert "secret" not in alice.patch(own, json={"config": config}).json()["config"]
    alice.post(f"{own}/pings")
    assert github.simulator.deliveries.wait()
    assert "X-Hub-Signature-256" in ear.heard[0].headers
    assert "X-Hub-Signature-256" not in ear.heard[1].headers
    kept = alice.patch(f"{own}/config", json={"secret": "new"})
    assert kept.json()["secret"] == "********"
    assert kept.json()["url"] == ear.url


def test_the_same_url_twice(alice: httpx.Client, ear: Ear) -> None:
    made(alice, ear)
    again = alice.post(HOOKS, json=wanted(ear))
    assert again.status_code == 422
    assert again.json()["errors"][0]["message"] == "Hook already exists on this repository"


def test_twenty_hooks_an_event(alice: httpx.Client, ear: Ear) -> None:
    for number in range(20):
        body = wanted(ear)
        body["config"]["url"] += f"?{number}"
        assert alice.post(HOOKS, json=body).status_code == 201
    assert alice.post(HOOKS, json=wanted(ear)).status_code == 422
    assert alice.post(HOOKS, json=wanted(ear, "push")).status_code == 201


@pytest.mark.parametrize("event", ["organization", "membership", "nonsense"])
def test_events_that_a_repository_does_not_have(alice: httpx.Client, ear: Ear, event: str) -> None:
    assert alice.post(HOOKS, json=wanted(ear, event)).status_code == 422


def test_hooks_need_an_admin_and_a_scope(github: Running, alice: httpx.Client, ear: Ear) -> None:
    world = github.simulator.world
    bob, admin = world.account("bob"), world.account("alice")
    assert bob is not None
    assert admin is not None
    world.tokens["bobs"] = Token("bobs", bob, ["repo"])
    world.tokens["weak"] = Token("weak", admin, ["read:org"])
    world.tokens["enough"] = Token("enough", admin, ["repo"])
    statuses = {
        value: alice.post(
            HOOKS, json=wanted(ear), headers={"authorization": f"Bearer {value}"}
        ).status_code
        for value in ("bobs", "weak", "enough")
    }
    assert statuses == {"bobs": 404, "weak": 404, "enough": 201}


def test_deliveries_are_listed_by_cursor_and_redelivered(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    own = f"{HOOKS}/{made(alice, ear)['id']}"
    assert github.simulator.deliveries.wait()
    ear.status = 503
    for _ in range(4):
        act(github, alice, "open")
    first = alice.get(f"{own}/deliveries", params={"per_page": 3})
    assert [item["event"] for item in first.json()] == ["pull_request"] * 3
    second = alice.get(first.links["next"]["url"])
    assert [item["event"] for item in second.json()] == ["pull_request", "ping"]
    assert "next" not in second.links
    failed = alice.get(f"{own}/deliveries", params={"status": "failure"}).json()
    assert [item["status_code"] for item in failed] == [503] * 4
    ear.status = 202
    oldest = failed[-1]
    assert alice.post(f"{own}/deliveries/{oldest['id']}/attempts").status_code == 202
    assert github.simulator.deliveries.wait()
    newest = alice.get(f"{own}/deliveries").json()[0]
    assert (newest["guid"], newest["redelivery"]) == (oldest["guid"], True)
    assert ear.heard[-1].body == ear.heard[1].body
    whole = alice.get(f"{own}/deliveries/{newest['id']}").json()
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == oldest["guid"]
    assert whole["response"]["headers"]
    github.simulator.clock.advance(3 * 86400 + 5)
    assert alice.get(f"{own}/deliveries").json() == []


def test_two_hooks_share_the_guid_of_an_event(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    made(alice, ear)
    body = wanted(ear)
    body["config"]["url"] += "?second"
    assert alice.post(HOOKS, json=body).status_code == 201
    act(github, alice, "open")
    guids = {heard.headers["X-GitHub-Delivery"] for heard in ear.heard[2:]}
    assert len(ear.heard) == 4
    assert len(guids) == 1


def test_nobody_listens(github: Running, alice: httpx.Client, ear: Ear) -> None:
    body = wanted(ear)
    body["config"]["url"] = "http://127.0.0.1:9/"
    own = f"{HOOKS}/{alice.post(HOOKS, json=body).json()['id']}"
    assert github.simulator.deliveries.wait()
    item = alice.get(f"{own}/deliveries").json()[0]
    assert (item["status_code"], item["status"]) == (0, "failed to connect to host")
    assert alice.get(f"{own}/deliveries", params={"status": "failure"}).json() == []


def test_a_deleted_hook_says_goodbye(github: Running, alice: httpx.Client, ear: Ear) -> None:
    own = f"{HOOKS}/{made(alice, ear, 'meta')['id']}"
    assert alice.delete(own).status_code == 204
    assert github.simulator.deliveries.wait()
    assert ear.events() == [("ping", None), ("meta", "deleted")]
    assert alice.get(own).status_code == 404


def test_form_content(github: Running, alice: httpx.Client, ear: Ear) -> None:
    body = wanted(ear)
    body["config"]["content_type"] = "form"
    alice.post(HOOKS, json=body)
    assert github.simulator.deliveries.wait()
    heard = ear.heard[0]
    assert heard.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert heard.body.startswith(b"payload=%7B%22zen%22")
    assert heard.headers["X-Hub-Signature-256"] == signature(SECRET, heard.body)


def test_deliveries_are_lost_or_come_twice(github: Running, alice: httpx.Client, ear: Ear) -> None:
    made(alice, ear)
    assert github.simulator.deliveries.wait()
    alice.post("/_control/hooks", json={"drop": 1.0})
    act(github, alice, "open")
    assert len(ear.heard) == 1
    alice.post("/_control/hooks", json={"drop": 0.0, "duplicate": 1.0, "shuffle": True})
    act(github, alice, "open")
    assert len(ear.heard) == 3
    assert ear.heard[1].headers["X-GitHub-Delivery"] == ear.heard[2].headers["X-GitHub-Delivery"]
    alice.delete("/_control/hooks")
    act(github, alice, "open")
    assert len(ear.heard) == 4


def test_an_organizations_hook_receives_member_events(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    world = github.simulator.world
    admin = world.account("alice")
    assert admin is not None
    world.tokens["owner"] = Token("owner", admin, ["admin:org_hook", "repo"])
    owner = {"authorization": "Bearer owner"}
    hooks = "/api/v3/orgs/acme/hooks"
    assert alice.post(hooks, json=wanted(ear, "organization")).status_code == 404
    events = ("organization", "membership", "team", "pull_request")
    answer = alice.post(hooks, json=wanted(ear, *events), headers=owner)
    assert answer.status_code == 201
    act(github, alice, "create_team", organization="acme", name="Night Shift")
    for what in ("add_team_member", "remove_team_member", "add_team_member"):
        act(github, alice, what, organization="acme", team="night-shift", login="bob")
    before = len(ear.heard)
    act(github, alice, "remove_member", organization="acme", login="bob")
    act(github, alice, "open", actor="alice")
    assert ear.events()[:5] == [
        ("ping", None),
        ("team", "created"),
        ("membership", "added"),
        ("membership", "removed"),
        ("membership", "added"),
    ]
    assert ear.heard[2].payload["team"]["slug"] == "night-shift"
    assert ear.heard[2].payload["scope"] == "team"
    left, heard = ear.heard[before:-2], ear.heard[-2:]
    assert {each.payload["scope"] for each in left} == {"organization"}
    assert "night-shift" in {each.payload["team"]["slug"] for each in left}
    assert ear.events()[-2:] == [("organization", "member_removed"), ("pull_request", "opened")]
    assert heard[0].payload["membership"]["user"]["login"] == "bob"


def test_a_repositorys_own_hook_is_not_notified_of_its_deletion(
    github: Running, alice: httpx.Client, ear: Ear
) -> None:
    made(alice, ear, "repository")
    act(github, alice, "archive_repository")
    act(github, alice, "unarchive_repository")
    act(github, alice, "transfer_repository", owner="harbor-tools")
    act(github, alice, "delete_repository", repository="harbor-tools/billing-service")
    assert ear.events() == [
        ("ping", None),
        ("repository", "archived"),
        ("repository", "unarchived"),
    ]
