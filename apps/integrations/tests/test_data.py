"""Data exported and deleted, for a team and for a person in it; and retention."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.checks import accuracy
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    IntegrationCredential,
    Lease,
    TrackedRepository,
)
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.metrics.lists import export
from apps.metrics.models import Commit, PullRequest, Repository, SavedView, TeamMember
from apps.teams import api_keys
from apps.teams.models import BaseTeamModel, Invitation, Membership, Team
from apps.users.models import User
from github_simulator import actions
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
DATA = "/a/acme/settings/data/"
GRACES = f"/a/acme/people/{small.GRACE}/data/"
JSON = {"accept": "application/json"}


@pytest.fixture
def shop(stage: Stage) -> Place:
    """Grace's merged pull request, reviewed by Ada; Ada's, reviewed by Grace; an old open one."""
    shop = stage.track("shop")
    for author, reviewer, hours in ((small.GRACE, small.ADA, 48), (small.ADA, small.GRACE, 24)):
        made = shop.open(ago(hours=hours), by=author)
        for commit in made.commits:
            commit.author = shop.person(author)
            commit.author_name, commit.author_email = "Grace Hopper", "grace@navy.example"
        asked = shop.deed(ago(hours=hours - 1), author)
        actions.request_review(asked, made, shop.person(reviewer))
        actions.submit_review(shop.deed(ago(hours=hours - 2), reviewer), made, "APPROVED")
        actions.merge(shop.deed(ago(hours=hours - 3), author), made)
    stage.sync()
    return shop


def archive(client: Client, path: str) -> dict[str, list[dict[str, Any]]]:
    """The files of an archive, by name."""
    reply = client.get(path)
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.getvalue())) as zipped:
        assert zipped.testzip() is None
        texts = {name: zipped.read(name).decode() for name in zipped.namelist()}
    assert "as JSON Lines" in texts.pop("README.txt")
    return {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}


def test_it_works(
    stage: Stage, shop: Place, alice: User, alice_client: Client, github: Running
) -> None:
    key = api_keys.make(stage.team, alice, "Wallboard")[1]
    invitation = Invitation.objects.create(
        team=stage.team, email="new@example.com", key_hash="f0" * 32, expires_at=timezone.now()
    )
    files = archive(alice_client, f"{DATA}archive/")
    assert files["pull-requests.jsonl"] == list(export.pull_requests(stage.team))
    assert files["commits.jsonl"] == list(export.commits(stage.team))
    assert len(files["metrics/timelineevent.jsonl"]) == 6
    assert files["team.jsonl"][0]["slug"] == "acme"
    assert {row["user__email"] for row in files["users.jsonl"]} == {
        "alice@example.com",
        "bob@example.com",
    }
    assert files["audit.jsonl"][0]["action"]
    kept = [model for model in apps.get_models() if issubclass(model, BaseTeamModel)]
    for model in kept:
        assert f"{model._meta.app_label}/{model._meta.model_name}.jsonl" in files
    text = json.dumps(files)
    stored = IntegrationCredential.objects.get()
    assert stored.account_login in text
    for secret in (github.token, key, invitation.key_hash, "key_hash", "gAAAA"):
        assert secret not in text
    assert AuditEvent.objects.filter(action="data.exported").exists()


def test_another_teams_data_is_not_in_it(stage: Stage, shop: Place, alice_client: Client) -> None:
    other = Team.objects.create(name="Beta", slug="beta")
    repository = Repository.objects.create(team=other, github_repo_id=7, full_name="beta/secret")
    TeamMember.objects.create(team=other, github_id=8, github_username="secretive")
    assert "secret" not in json.dumps(archive(alice_client, f"{DATA}archive/"))
    assert repository.team == other


def test_a_team_is_deleted(
    stage: Stage, shop: Place, alice: User, alice_client: Client, bob_client: Client
) -> None:
    api_keys.make(stage.team, alice, "Wallboard")
    page = alice_client.get(DATA).content.decode()
    assert "This cannot be undone" in page
    alice_client.post(DATA, {"_method": "delete", "confirm": "beta"})
    assert "type acme to confirm" in alice_client.get(DATA).content.decode()
    assert alice_client.delete(DATA, {}, "application/json", headers=JSON).status_code == 400
    assert Team.objects.get().deleting_since is None
    alice_client.post(DATA, {"_method": "delete", "confirm": " Acme"})
    for client in (alice_client, bob_client):
        reply = client.get("/a/acme/")
        assert reply.status_code == 410
        assert "Pull requests left to delete: 2" in reply.content.decode()
    assert bob_client.get("/").headers["location"] == "/teams/new/"
    assert not IntegrationCredential.objects.exclude(access_token="").exists()
    work()
    assert not Team.objects.exists()
    assert not Membership.objects.exists()
    for model in apps.get_models():
        if issubclass(model, BaseTeamModel):
            assert not model._default_manager.exists(), model
    assert alice_client.get("/a/acme/").status_code == 404
    assert User.objects.count() == 2
    rows = AuditEvent.objects.filter(action="team.deletion_begun")
    assert [(row.actor, row.actor_email, row.object_name) for row in rows] == [(None, "", "")]
    assert AuditEvent.objects.filter(action="team.deleted", object_name="").count() == 1


def test_deleting_a_team_while_github_is_down(
    team: Team, github: Running, alice_client: Client, work: Callable[[], None]
) -> None:
    small.connect(alice_client)
    github.simulator.faults.add(Fault("server_error"))
    alice_client.delete(DATA, {"confirm": "acme"}, "application/json")
    work()
    assert not Team.objects.exists()
    assert small.token_count(github) == 1
    github.simulator.faults.clear()
    Farewell.objects.update(due_at=timezone.now())
    Lease.objects.update(not_before=None)
    work()
    assert small.token_count(github) == 0
    assert not Farewell.objects.exists()


def test_a_persons_data(stage: Stage, shop: Place, alice_client: Client) -> None:
    assert alice_client.get(GRACES, headers=JSON).json() == {
        "login": "grace",
        "accounts": [small.GRACE],
        "pull_requests": 1,
        "reviews": 1,
    }
    files = archive(alice_client, f"{GRACES}archive/")
    assert [row["github_username"] for row in files["member.jsonl"]] == ["grace"]
    assert {name: len(rows) for name, rows in files.items()} == {
        "member.jsonl": 1,
        "pull-requests.jsonl": 1,
        "reviews.jsonl": 1,
        "commits.jsonl": 1,
        "timeline.jsonl": 4,
    }


def dump() -> str:
    """Everything in the database, except for what the page says is left."""
    found = []
    for model in apps.get_models():
        if model is not AuditEvent:
            found += [str(row) for row in model._default_manager.values()]
    return "\n".join(found)


def test_a_person_is_forgotten(
    stage: Stage, shop: Place, alice_client: Client, work: Callable[[], None]
) -> None:
    before = list(PullRequest.objects.order_by("number").values("cycle_time", "time_to_merge"))
    alice_client.post("/a/acme/views/", {"name": "Two", "query": "person=ada&person=grace"})
    alice_client.post("/a/acme/filters/", {"path": "/a/acme/", "range": "4w", "person": "grace"})
    alice_client.post(GRACES, {"_method": "delete", "confirm": "hopper"})
    assert TeamMember.objects.filter(github_id=small.GRACE).exists()
    alice_client.post(GRACES, {"_method": "delete", "confirm": "grace"})
    work()
    for text in ("grace", str(small.GRACE)):
        assert text not in dump().lower()
    assert list(PullRequest.objects.order_by("number").values("cycle_time", "time_to_merge")) == (
        before
    )
    assert PullRequest.objects.filter(author_login=None).count() == 1
    assert SavedView.objects.get().query == "range=3m&person=ada"
    assert alice_client.get("/a/acme/").headers["location"] == "/a/acme/?range=4w"
    assert alice_client.get(GRACES).status_code == 404
    event = AuditEvent.objects.get(action="data.person_forgotten")
    assert "grace" not in json.dumps([event.object_name, event.details])
    # GitHub still names her: nothing of it is stored.
    again = shop.open(ago(hours=3), by=small.GRACE)
    actions.submit_review(shop.deed(ago(hours=2), small.ADA), again, "APPROVED")
    TrackedRepository.objects.update(history_complete=False, history_cursor="")
    GitHubIntegration.objects.update(members_due_at=ago(minutes=1))
    stage.sync()
    work()
    assert PullRequest.objects.count() == 3
    for text in ("grace", str(small.GRACE)):
        assert text not in dump().lower()
    outcome = accuracy.check(10)
    assert (outcome.pull_requests, outcome.differences) == (3, [])
    assert "1 account was removed in this way" in alice_client.get(DATA).content.decode()


def test_what_is_too_old_is_deleted(
    stage: Stage, shop: Place, alice_client: Client, work: Callable[[], None]
) -> None:
    old = shop.open(ago(days=100), by=small.ADA)
    actions.merge(shop.deed(ago(days=99), small.ADA), old)
    still_open = shop.open(ago(days=120), by=small.GRACE)
    TrackedRepository.objects.update(history_complete=False, history_cursor="")
    stage.sync()
    assert PullRequest.objects.count() == 4
    settings = {
        "name": "Acme",
        "timezone": "UTC",
        "audit_days": "365",
        "hotfix_labels": "hotfix",
    }
    asked = capture(alice_client, {**settings, "keep_days": "90"})
    assert asked.status_code == 422
    assert "for 90 days are deleted as soon as this is saved" in asked.content.decode()
    assert 'name="may_delete"' in asked.content.decode()
    work()
    assert PullRequest.objects.count() == 4
    capture(alice_client, {**settings, "keep_days": "90", "may_delete": "on"})
    work()
    numbers = set(PullRequest.objects.values_list("number", flat=True))
    assert old.number not in numbers
    assert still_open.number in numbers
    assert len(numbers) == 3
    assert Commit.objects.count() == 3
    assert AuditEvent.objects.get(action="data.pruned").details == {"pull_requests": 1}
    stage.team.refresh_from_db()
    assert stage.team.prune_due_at
    assert stage.team.prune_due_at > timezone.now() + timedelta(hours=23)
    # A sync does not bring it back until the team's retention grows.
    stage.sync()
    assert old.number not in set(PullRequest.objects.values_list("number", flat=True))
    capture(alice_client, settings)
    work()
    assert old.number in set(PullRequest.objects.values_list("number", flat=True))


def capture(client: Client, settings: dict[str, str]) -> Any:
    """Saves settings, and runs what follows the commit."""
    from django.test import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.post("/a/acme/settings/", settings)


def test_who_may(
    stage: Stage, shop: Place, bob_client: Client, charlie_client: Client, alice_client: Client
) -> None:
    for path in (DATA, f"{DATA}archive/", GRACES, f"{GRACES}archive/"):
        assert bob_client.get(path).status_code == 403
        assert charlie_client.get(path).status_code == 404
    for client in (bob_client, charlie_client):
        client.delete(DATA, {"confirm": "acme"}, "application/json")
        client.delete(GRACES, {"confirm": "grace"}, "application/json")
    assert Team.objects.get().deleting_since is None
    assert TeamMember.objects.filter(github_id=small.GRACE).exists()
    assert alice_client.get("/a/acme/people/1/data/").status_code == 404
