"""Hooks on GitHub: created, shared, repaired, given new secrets, deleted; missed deliveries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.access.conversation import with_github
from apps.integrations.hooks import caretaking
from apps.integrations.hooks.redelivery import redeliver
from apps.integrations.hooks.registration import home_of
from apps.integrations.models import (
    Hook,
    MissedDelivery,
    RateBudget,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.tests.github import ADA, add_repository, connect
from apps.integrations.tests.hooked import (
    NAME,
    NUMBER,
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

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works(
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


def test_an_altered_hook_is_repaired(github: Running, tracked: TrackedRepository) -> None:
    (on_github,) = hooks_on_github(github)
    on_github.active = False
    on_github.events = ["push"]
    due(tracked)
    (on_github,) = hooks_on_github(github)
    assert on_github.active
    assert "pull_request" in on_github.events
    assert on_github.secret == Hook.objects.get().secret


def test_a_new_url_is_sent_to_github(
    github: Running,
    tracked: TrackedRepository,
    alice_client: Client,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.DATA_DIR = tmp_path
    assert not caretaking.follow_address()
    settings.PUBLIC_URL = "http://127.0.0.1:8123"
    settings.ALLOWED_HOSTS = ["*"]
    assert caretaking.follow_address()
    address = "/a/acme/integrations/github/webhooks/"
    page = alice_client.get(address).content.decode()
    assert "GitHub has yet to be told the address" in page
    assert "needs a hook has one" not in page
    RateBudget.objects.update(written_at=None)
    work()
    (on_github,) = hooks_on_github(github)
    assert on_github.url == "http://127.0.0.1:8123/webhooks/github/"
    assert "needs a hook has one" in alice_client.get(address).content.decode()
    assert not caretaking.follow_address()


def test_a_deleted_hook_is_created_again(github: Running, tracked: TrackedRepository) -> None:
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
    """The number of a pull request whose webhook delivery failed."""
    (on_github,) = hooks_on_github(github)
    here = on_github.url
    on_github.url = "http://127.0.0.1:9/"  # nothing listens there
    number: int = do(github, "open", title="While we were away")["number"]
    on_github.url = here
    return number


def test_an_unchanged_list_of_deliveries_is_free(
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


def test_missed_deliveries_are_sent_again(github: Running, tracked: TrackedRepository) -> None:
    numbers = [miss(github) for _ in range(3)]
    assert not WebhookDelivery.objects.filter(event="pull_request").exists()
    for _ in numbers:  # GitHub asks for a second between them
        due(tracked)
        assert github.simulator.deliveries.wait()
    work()
    assert PullRequest.objects.filter(number__in=numbers).count() == 3
    due(tracked)
    assert not MissedDelivery.objects.exists()


def test_what_fails_again_and_again_is_left_to_the_poll(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    (on_github,) = hooks_on_github(github)
    on_github.url = "http://127.0.0.1:9/"
    do(github, "open")
    # Checking the hook would repair its URL.
    assert tracked.hook
    path = home_of(tracked).deliveries(tracked.hook)
    for _ in range(6):
        MissedDelivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        with with_github(tracked.integration.credential) as conversation:
            redeliver(conversation, path, tracked.hook, timezone.now())
        assert github.simulator.deliveries.wait()
    attempts = [d for d in github.simulator.deliveries.attempted if d.redelivery]
    assert len(attempts) == 3
    page = alice_client.get("/a/acme/integrations/github/webhooks/").content.decode()
    assert "1 did not reach us" in page


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


def test_what_only_a_person_can_change_is_not_asked_every_two_minutes(
    github: Running, tracked: TrackedRepository
) -> None:
    """With hundreds of repositories that would take most of an account's rate limit."""
    refused = {"message": "Validation Failed", "errors": [{"message": "more than 20 hooks"}]}
    path = f"/api/v3/repos/{NAME}/hooks"
    github.fault("reply", path=path, status=422, body=refused)
    due(tracked)
    tracked.refresh_from_db()
    assert "more than 20 hooks" in tracked.hook_error
    assert tracked.hook_due_at
    assert tracked.hook_due_at > timezone.now() + timedelta(minutes=50)
    github.simulator.faults.clear()
    due(tracked)
    tracked.refresh_from_db()
    assert tracked.hook_error == ""


def test_a_reply_of_another_shape_changes_nothing(
    github: Running, tracked: TrackedRepository, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/api/v3/repos/{NAME}/hooks"
    bodies: list[Any] = [None, [], {}, "text", {"id": [1]}, [None], [{"id": None, "config": []}]]
    for body in bodies:
        github.fault("reply", path=path, body=body)
        caplog.clear()
        due(tracked)
        assert "GitHub's reply cannot be read" in caplog.text, body
        assert "Traceback" not in caplog.text, body
        github.simulator.faults.clear()
        due(tracked)
        tracked.refresh_from_db()
        assert tracked.hook_error == "", body
    (on_github,) = hooks_on_github(github)
    assert Hook.objects.get().hook_id == on_github.id
