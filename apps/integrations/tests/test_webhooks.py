"""`POST /webhooks/github/`: what is accepted, what it causes, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.github import signature
from apps.integrations.hooks.events import HANDLERS, IGNORED
from apps.integrations.models import (
    Hook,
    StalePullRequest,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.tests.hooked import (
    URL,
    do,
    hooks_on_github,
    post,
    work,
)
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator.testing import Running

EXAMPLES = (
    Path(django_settings.BASE_DIR)
    / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
)


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(db: None, settings: Settings) -> Hook:
    """A hook that no repository here has."""
    return Hook.objects.create(
        host=settings.GITHUB_URL, github_repo_id=1, hook_id=77, secret="a secret"
    )


def test_it_works(github: Running, tracked: TrackedRepository) -> None:
    (on_github,) = hooks_on_github(github)
    assert tracked.hook is not None
    assert tracked.hook.hook_id == on_github.id
    assert on_github.secret == tracked.hook.secret
    assert on_github.insecure_ssl == "0"

    number = do(github, "open", title="Say hello")["number"]
    do(github, "review", number=number, actor="grace", state="APPROVED")
    do(github, "merge", number=number)
    assert WebhookDelivery.objects.filter(event="pull_request").count() == 2
    work()

    stored = PullRequest.objects.get(number=number)
    assert (stored.title, stored.state) == ("Say hello", "merged")
    assert stored.reviews.get().reviewer_login == "grace"
    assert not StalePullRequest.objects.exists()
    delivery = WebhookDelivery.objects.filter(number=number).first()
    assert delivery is not None
    assert delivery.visible_at is not None
    assert delivery.happened_at is not None


def test_githubs_documented_signature() -> None:
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    assert signature.sign(secret, body) == known
    assert signature.is_valid([secret], body, known)
    assert not signature.is_valid([secret], body + b" ", known)
    assert not signature.is_valid([""], body, signature.sign("", body))


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another secret"},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256=é"},
        {"X-Hub-Signature-256": "sha1=757107ea"},
        {"X-GitHub-Hook-ID": "78"},
        {"X-GitHub-Hook-ID": ""},
        {"X-GitHub-Hook-ID": "9" * 40},
        {"X-GitHub-Hook-ID": "²"},
    ],
)
def test_every_refusal_says_the_same(client: Client, hook: Hook, wrong: dict[str, str]) -> None:
    reply = post(client, b"{}", hook=hook, **wrong)
    assert reply.status_code == 401
    assert reply.json() == {"error": "No hook of this server signed this."}
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_is_answered(client: Client, method: str) -> None:
    assert getattr(client, method)(URL).status_code == 405


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"{\x00}", b'{"a": ' + b"[" * 100_000, b"", b"[]", b"null", b"{"]
)
def test_odd_bodies_do_no_harm(client: Client, hook: Hook, body: bytes) -> None:
    assert post(client, body, hook=hook).status_code in (202, 400)
    work()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) <= {"failed"}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", ""])
def test_other_kinds_of_content_are_refused(client: Client, hook: Hook, kind: str) -> None:
    reply = post(client, b'{"zen": ""}', hook=hook, event="ping", content_type=kind)
    assert reply.status_code == 400
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("length", ["many", "-5", "1e3", "99999999999999999999"])
def test_odd_lengths_are_refused(client: Client, hook: Hook, length: str) -> None:
    body = b'{"zen": ""}'
    reply = client.generic(
        "POST",
        URL,
        body,
        content_type="application/json",
        headers={
            "X-GitHub-Hook-ID": "77",
            "X-Hub-Signature-256": signature.sign(hook.secret, body),
        },
        CONTENT_LENGTH=length,
    )
    assert reply.status_code in (400, 413)


def test_a_body_that_was_cut_off_or_altered_is_refused(client: Client, hook: Hook) -> None:
    whole = b'{"zen": "Design for failure."}'
    signed = {"X-Hub-Signature-256": signature.sign(hook.secret, whole)}
    for body in (whole[:-5], whole.replace(b"f", b"g")):
        assert post(client, body, hook=hook, event="ping", **signed).status_code == 401
    assert post(client, whole, hook=hook, event="ping", **signed).status_code == 202


def test_every_refusal_takes_the_same_work(
    client: Client, hook: Hook, django_assert_num_queries: Any
) -> None:
    post(client, b"{}", hook=hook, event="ping")  # from then on its secret is cached
    wrong: list[dict[str, str]] = [{"secret": "x"}, {"X-GitHub-Hook-ID": "78"}]
    answers = []
    for more in wrong:
        with django_assert_num_queries(1):
            answers.append(post(client, b"{}", hook=hook, **more))
    assert answers[0].content == answers[1].content
    one, other = ({**answer.headers, "X-Request-ID": "its own"} for answer in answers)
    assert one == other


ODD: list[dict[str, Any]] = [
    {"action": "\u0000", "repository": {"id": 1}},
    {"action": {"deep": 1}, "repository": [], "organization": 7, "pull_request": None},
    {"action": "opened", "repository": {"id": 10**400}, "pull_request": {"number": 10**400}},
    {"repository": {"id": 1}, "pull_request": {"number": 2**31, "node_id": "PR_1"}},
    {"repository": {"id": 1}, "pull_request": {"number": 1, "node_id": "PR\u0000"}},
    {
        "repository": {"id": 1},
        "pull_request": {"number": 1, "node_id": "PR_1", "updated_at": "0001-01-01T00:00:00+14:00"},
    },
]


@pytest.mark.parametrize("event", ["pull_request", "repository", "member", "ping", "meta"])
def test_odd_payloads_delay_no_others(client: Client, hook: Hook, event: str) -> None:
    for number, payload in enumerate(ODD):
        body = json.dumps({"hook_id": 10**30, **payload}).encode()
        assert post(client, body, hook=hook, event=event, guid=str(number)).status_code == 202
    assert post(client, b"{}", hook=hook, event="push", guid="good").status_code == 202
    work()
    assert WebhookDelivery.objects.get(guid="good").state == "ignored"
    assert not WebhookDelivery.objects.filter(state="received").exists()


def test_what_cannot_be_handled_is_tried_again_then_set_aside(client: Client, hook: Hook) -> None:
    awaited = Hook.objects.create(host=hook.host, github_repo_id=2, secret="another")
    awaiting: Any = {"X-GitHub-Hook-ID": "78", "X-GitHub-Hook-Installation-Target-ID": "2"}
    # It claims to be the other hook, which cannot be.
    post(
        client,
        b'{"hook_id": 77}',
        secret=awaited.secret,
        event="ping",
        **awaiting,
    )
    for attempt in range(1, 6):
        work()
        row = WebhookDelivery.objects.get()
        assert (row.state, row.attempts) == ("failed", attempt)
        assert "IntegrityError" in row.error
        if attempt < 5:
            assert row.due_at
            assert row.due_at > row.received_at
            WebhookDelivery.objects.update(due_at=row.received_at)
    assert row.due_at is None
    Hook.objects.filter(pk=hook.pk).update(hook_id=76)
    post(
        client,
        b'{"hook_id": 77}',
        secret=awaited.secret,
        event="ping",
        **awaiting,
    )
    work()
    assert WebhookDelivery.objects.get().state == "handled"


def test_too_large(client: Client, hook: Hook) -> None:
    body = b" " * (25 * 2**20 + 1)
    assert post(client, body, hook=hook).status_code == 413


def test_large_is_taken(client: Client, hook: Hook) -> None:
    body = json.dumps({"zen": "x" * (6 * 2**20)}).encode()
    assert post(client, body, hook=hook, event="ping").status_code == 202


def test_a_form_is_taken(client: Client, hook: Hook) -> None:
    ping = {"zen": "Keep it logically awesome.", "hook_id": 77}
    body = urlencode({"payload": json.dumps(ping)}).encode()
    kind = "application/x-www-form-urlencoded"
    assert post(client, body, hook=hook, event="ping", content_type=kind).status_code == 202
    assert json.loads(WebhookDelivery.objects.get().payload) == {"hook_id": 77}


@pytest.mark.parametrize(
    "title", [b"\\ud83d", b"\xff", b"\xed\xa0\xbd", b"\\udc00\\ud83d", b"\\u0000"]
)
def test_malformed_text_loses_no_delivery(client: Client, hook: Hook, title: bytes) -> None:
    body = b'{"repository": {"id": 1}, "pull_request": {"number": 3, "node_id": "PR_3", "title": "'
    body += title + b'"}}'
    assert post(client, body, hook=hook, guid="json").status_code == 202
    form = urlencode({"payload": body}).encode()
    kind = "application/x-www-form-urlencoded"
    assert post(client, form, hook=hook, guid="form", content_type=kind).status_code == 202
    work()
    assert set(WebhookDelivery.objects.values_list("state", "number")) == {("handled", 3)}


def test_a_redelivery_of_what_was_handled_is_a_no_op(client: Client, hook: Hook) -> None:
    for _ in range(2):
        assert post(client, b'{"zen": ""}', hook=hook, event="ping").status_code == 202
        work()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts) == ("handled", 1)


def test_a_redelivery_of_what_failed_is_a_new_try(client: Client, hook: Hook) -> None:
    post(client, b"{}", hook=hook)
    work()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.error) == ("failed", "The payload names no pull request.")
    post(client, b"{}", hook=hook)
    row.refresh_from_db()
    assert row.state == "received"


def test_a_burst_on_one_pull_request_is_one_fetch(
    github: Running, tracked: TrackedRepository
) -> None:
    number = do(github, "open")["number"]
    for _ in range(40):
        do(github, "label", number=number, label="later")
    before = len(github.simulator.log.requests)
    work()
    asked = list(github.simulator.log.requests)[before:]
    assert [request.path for request in asked] == ["/api/graphql"]
    assert PullRequest.objects.get(number=number).comment_count is not None


def test_deliveries_signed_before_a_rotation_are_accepted_after_it(
    client: Client, hook: Hook
) -> None:
    hook.previous_secret, hook.secret, hook.rotated_at = hook.secret, "new", timezone.now()
    hook.save()
    old = post(client, b"{}", hook=hook, secret="a secret", guid="1", event="ping")
    new = post(client, b"{}", hook=hook, guid="2", event="ping")
    assert (old.status_code, new.status_code) == (202, 202)


def test_every_known_event_is_handled_or_ignored_on_purpose(client: Client, hook: Hook) -> None:
    if not EXAMPLES.exists():
        pytest.skip("GitHub's example payloads are not installed; `npm ci` brings them")
    events = json.loads(EXAMPLES.read_text())
    count = 0
    for event in events:
        for example in event["examples"]:
            count += 1
            body = json.dumps(example).encode()
            reply = post(client, body, hook=hook, event=event["name"], guid=f"example-{count}")
            assert reply.status_code == 202
    assert count == 329
    for _ in range(5):
        work()
    rows = WebhookDelivery.objects.all()
    assert not rows.filter(state__in=["failed", "received"]).exists()
    assert {event["name"] for event in events} <= {*HANDLERS, *IGNORED}
    assert set(rows.filter(state="handled").values_list("event", flat=True)) <= set(HANDLERS)


def test_failed_deliveries_of_others_are_not_found(
    client: Client, hook: Hook, team: Team, alice_client: Client
) -> None:
    post(client, b"{}", hook=hook)
    work()
    failed = WebhookDelivery.objects.get(state="failed")
    page = "/a/acme/integrations/github/webhooks/"
    assert alice_client.post(f"{page}{failed.pk}/").status_code == 404
    assert "names no pull request" not in alice_client.get(page).content.decode()
