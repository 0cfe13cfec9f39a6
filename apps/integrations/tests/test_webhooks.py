"""`POST /webhooks/github/`: what is let in, what it leads to, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from apps.integrations.events import HANDLERS, IGNORED
from apps.integrations.github import signature
from apps.integrations.models import Hook, StalePullRequest, TrackedRepository, WebhookDelivery
from apps.integrations.tests.github import ADA, add_repository, connect
from apps.integrations.tests.hooked import (
    NAME,
    NUMBER,
    URL,
    choose,
    do,
    due,
    hooks_on_github,
    post,
    work,
)
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Membership, Team
from apps.users.models import User
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


def test_too_large(client: Client, hook: Hook) -> None:
    body = b" " * (25 * 2**20 + 1)
    assert post(client, body, hook=hook).status_code == 413


def test_large_is_taken(client: Client, hook: Hook) -> None:
    body = json.dumps({"zen": "x" * (6 * 2**20)}).encode()
    assert post(client, body, hook=hook, event="ping").status_code == 202


def test_a_form_is_taken(client: Client, hook: Hook) -> None:
    body = urlencode({"payload": json.dumps({"zen": "Keep it logically awesome."})}).encode()
    kind = "application/x-www-form-urlencoded"
    assert post(client, body, hook=hook, event="ping", content_type=kind).status_code == 202
    assert json.loads(WebhookDelivery.objects.get().payload) == {
        "zen": "Keep it logically awesome."
    }


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
    for _ in range(20):
        do(github, "comment", number=number)
    before = len(github.simulator.log.requests)
    work()
    asked = list(github.simulator.log.requests)[before:]
    assert [request.path for request in asked] == ["/api/graphql"]
    assert PullRequest.objects.get(number=number).comment_count >= 0


def test_two_teams_share_a_hook(
    github: Running, tracked: TrackedRepository, bob: User, bob_client: Client
) -> None:
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=bob, role=Membership.Role.ADMIN)
    connect(bob_client, team="other")
    work()
    choose(bob_client, "other", NAME)
    work()
    assert len(hooks_on_github(github)) == 1

    number = do(github, "open", title="For both")["number"]
    work()
    assert PullRequest.objects.filter(number=number, title="For both").count() == 2

    bob_client.post(f"/a/other/integrations/github/repos/{NUMBER}/", {"_method": "delete"})
    work()
    assert len(hooks_on_github(github)) == 1
    tracked.refresh_from_db()
    assert tracked.hook is not None


def test_the_last_team_to_leave_deletes_the_hook(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    alice_client.post(f"/a/acme/integrations/github/repos/{NUMBER}/", {"_method": "delete"})
    work()
    assert hooks_on_github(github) == []
    assert not Hook.objects.exists()


def test_disconnecting_deletes_the_hook(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    alice_client.delete("/a/acme/integrations/github/disconnect/")
    assert hooks_on_github(github) == []
    assert not Hook.objects.exists()


def test_a_hook_of_ours_that_we_lost_is_adopted(
    github: Running, tracked: TrackedRepository
) -> None:
    (before,) = hooks_on_github(github)
    Hook.objects.all().delete()
    due(tracked)
    (after,) = hooks_on_github(github)
    assert after.id == before.id
    assert after.secret == Hook.objects.get().secret


def test_a_hook_that_somebody_altered_is_repaired(
    github: Running, tracked: TrackedRepository
) -> None:
    (on_github,) = hooks_on_github(github)
    on_github.active = False
    on_github.events = ["push"]
    due(tracked)
    (on_github,) = hooks_on_github(github)
    assert on_github.active
    assert "pull_request" in on_github.events
    assert on_github.secret == Hook.objects.get().secret


def test_a_hook_that_somebody_deleted_is_made_again(
    github: Running, tracked: TrackedRepository
) -> None:
    github.simulator.world.repositories[NUMBER].hooks.clear()
    due(tracked)
    (on_github,) = hooks_on_github(github)
    assert on_github.secret == Hook.objects.get().secret


def test_without_the_right_the_page_says_so(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    name = "borrowed"
    world = github.simulator.world
    add_repository(world, tracked_owner(github), name, 60_000_042)
    world.repositories[60_000_042].permissions = {ADA: "pull"}
    world.organizations[tracked_owner(github).id].members[ADA] = "member"
    TrackedRepository.objects.filter(pk=tracked.pk).update(hook_due_at=None)
    alice_client.post("/a/acme/members/refresh/")
    row = TrackedRepository.objects.create(
        team=tracked.team,
        integration=tracked.integration,
        github_repo_id=60_000_042,
        full_name=f"acme/{name}",
        repository=Repository.objects.create(
            team=tracked.team, github_repo_id=60_000_042, full_name=f"acme/{name}"
        ),
    )
    due(row)
    row.refresh_from_db()
    assert row.hook is None
    assert "admin rights" in row.hook_error


def test_an_address_that_github_cannot_reach_is_said_before(
    github: Running, tracked: TrackedRepository, settings: Settings
) -> None:
    settings.GITHUB_URL = "https://github.com"
    before = len(github.simulator.log.requests)
    due(tracked)
    tracked.refresh_from_db()
    assert "Set PUBLIC_URL" in tracked.hook_error
    assert len(github.simulator.log.requests) == before


def test_what_was_signed_before_a_rotation_is_taken_after_it(client: Client, hook: Hook) -> None:
    from django.utils import timezone

    hook.previous_secret, hook.secret, hook.rotated_at = hook.secret, "new", timezone.now()
    hook.save()
    old = post(client, b"{}", hook=hook, secret="a secret", guid="1", event="ping")
    new = post(client, b"{}", hook=hook, guid="2", event="ping")
    assert (old.status_code, new.status_code) == (202, 202)


def test_new_secrets_lose_no_delivery(
    github: Running, tracked: TrackedRepository, alice_client: Client, bob_client: Client
) -> None:
    (on_github,) = hooks_on_github(github)
    old = on_github.secret
    page = "/a/acme/integrations/github/webhooks/secrets/"
    assert bob_client.post(page).status_code == 403
    assert alice_client.post(page).status_code == 302
    assert alice_client.post(page).status_code == 302
    between = do(github, "open")["number"]  # GitHub still signs with the old one
    due(tracked)
    assert hooks_on_github(github)[0].secret == Hook.objects.get().secret != old
    after = do(github, "open")["number"]
    work()
    assert PullRequest.objects.filter(number__in=[between, after]).count() == 2


def miss(github: Running) -> int:
    """The number of a pull request whose opening GitHub could not tell us."""
    (on_github,) = hooks_on_github(github)
    here = on_github.url
    on_github.url = "http://127.0.0.1:9/"  # nobody listens
    number: int = do(github, "open", title="While we were away")["number"]
    on_github.url = here
    return number


def test_a_missed_delivery_is_redelivered(github: Running, tracked: TrackedRepository) -> None:
    number = miss(github)
    assert not WebhookDelivery.objects.filter(event="pull_request").exists()
    due(tracked)
    assert github.simulator.deliveries.wait()
    work()
    assert PullRequest.objects.get(number=number).title == "While we were away"


def test_a_list_of_deliveries_in_which_nothing_is_new_is_free(
    github: Running, tracked: TrackedRepository
) -> None:
    do(github, "open")
    due(tracked)
    github.simulator.log.clear()
    due(tracked)
    asked = [r.status for r in github.simulator.log.requests if r.path.endswith("/deliveries")]
    assert asked == [304]
    number = miss(github)
    due(tracked)
    assert github.simulator.deliveries.wait()
    work()
    assert PullRequest.objects.get(number=number).title == "While we were away"


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


def test_the_page_shows_what_was_delivered_and_tries_failures_again(
    github: Running,
    tracked: TrackedRepository,
    client: Client,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    page = "/a/acme/integrations/github/webhooks/"
    number = do(github, "open")["number"]
    work()
    assert tracked.hook is not None
    assert post(client, b"{}", hook=tracked.hook).status_code == 202
    work()
    text = alice_client.get(page).content.decode()
    assert f"#{number}" in text
    assert "The payload names no pull request." in text
    failed = WebhookDelivery.objects.get(state="failed")
    assert bob_client.post(f"{page}{failed.pk}/").status_code == 403
    assert charlie_client.get(page).status_code == 404
    assert charlie_client.post(f"{page}{failed.pk}/").status_code == 404
    assert alice_client.post(f"{page}{failed.pk}/").status_code == 302
    failed.refresh_from_db()
    assert failed.state == "received"
    json_reply = bob_client.get(page, headers={"Accept": "application/json"}).json()
    assert json_reply["latency"]["count"] == 1


def test_failed_deliveries_of_others_are_not_found(
    client: Client, hook: Hook, team: Team, alice_client: Client
) -> None:
    post(client, b"{}", hook=hook)
    work()
    failed = WebhookDelivery.objects.get(state="failed")
    page = "/a/acme/integrations/github/webhooks/"
    assert alice_client.post(f"{page}{failed.pk}/").status_code == 404
    assert "names no pull request" not in alice_client.get(page).content.decode()


def tracked_owner(github: Running) -> Any:
    return github.simulator.world.repositories[NUMBER].owner


def test_a_hook_that_could_not_be_deleted_is_deleted_later(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    github.fault("server_error", path=f"/api/v3/repos/{NAME}/hooks", times=1)
    alice_client.post(f"/a/acme/integrations/github/repos/{NUMBER}/", {"_method": "delete"})
    work()
    assert len(hooks_on_github(github)) == 1
    due(tracked)
    assert hooks_on_github(github) == []
    assert not Hook.objects.exists()
