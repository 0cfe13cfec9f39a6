"""Requesting a sync and watching it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.integrations.models import TrackedRepository
from apps.integrations.tests.github import ACME, REPOSITORIES, connect, messages_of
from apps.teams.models import Team
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
REPOS = "/a/acme/integrations/github/repos/"
SYNC = "/a/acme/integrations/github/sync/"
STATUS = f"{SYNC}status/"
JSON = {"accept": "application/json"}
Work = Callable[[], None]


@pytest.fixture
def tracking(github: Running, team: Team, alice_client: Client, work: Work) -> Client:
    """Alice, who just chose two repositories."""
    connect(alice_client)
    work()
    alice_client.post(REPOS, {"repositories": ["acme/website", "acme/attic"]})
    return alice_client


def test_it_works(tracking: Client, work: Work) -> None:
    before = tracking.get(STATUS, headers=JSON).json()
    assert before["status"] == "pending"
    assert before["repositories"][1] == {
        "full_name": "acme/website",
        "status": "pending",
        "pull_requests_done": 0,
        "pull_requests_total": None,
        "points": 0,
        "waiting_until": None,
        "error": "",
    }
    work()
    after = tracking.get(STATUS, headers=JSON).json()
    assert (after["status"], after["progress"]) == ("complete", 1.0)
    assert after["repositories"][1]["pull_requests_total"] == 0
    listed = tracking.get("/a/acme/integrations/", headers=JSON).json()["github"]
    entry = listed["organizations"][0]
    assert listed["connected"] is True
    assert entry.pop("last_sync_at")
    assert entry == {
        "slug": "acme",
        "id": ACME,
        "sync_status": "complete",
        "repositories": 2,
        "members": 2,
    }


def test_page_polls_while_running_only(tracking: Client, work: Work) -> None:
    assert 'hx-trigger="every 2s"' in messages_of(tracking, STATUS)
    fragment = tracking.get(STATUS, headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div id="sync-status"')
    work()
    page = messages_of(tracking, STATUS)
    assert "every 2s" not in page
    assert "Up to date" in page


def test_asking_for_a_sync(tracking: Client, work: Work) -> None:
    first = tracking.post(SYNC, headers=JSON)
    assert first.status_code == 202
    assert tracking.post(SYNC, headers=JSON).json() == first.json()
    work()
    again = tracking.post(SYNC, headers=JSON)
    assert again.json()["run"] != first.json()["run"]
    assert tracking.post(SYNC).headers["location"] == STATUS
    assert "The sync continues where it stopped" in messages_of(tracking, STATUS)
    work()
    tracking.post(SYNC)
    assert "Everything is here already" in messages_of(tracking, STATUS)


def test_asking_for_one_repository_by_json(tracking: Client, work: Work) -> None:
    work()
    kind = "application/json"
    for body in ("{", "[]", '{"repositories": [1]}'):
        assert tracking.post(SYNC, body, content_type=kind).status_code == 400
    assert tracking.post(SYNC, {"repository": 1}, kind, headers=JSON).status_code == 404
    wanted = REPOSITORIES["website"]
    assert tracking.post(SYNC, {"repository": wanted}, kind, headers=JSON).status_code == 202
    under_way = TrackedRepository.objects.exclude(status="complete")
    assert [row.full_name for row in under_way] == ["acme/website"]


def test_who_may(tracking: Client, bob_client: Client, charlie_client: Client) -> None:
    assert bob_client.get(STATUS, headers=JSON).status_code == 200
    assert bob_client.post(SYNC).status_code == 403
    assert charlie_client.get(STATUS).status_code == 404
    assert charlie_client.post(SYNC).status_code == 404


def test_waiting_says_until_when(tracking: Client) -> None:
    until = timezone.now() + timedelta(minutes=30)
    TrackedRepository.objects.update(
        status="waiting", due_at=until, error="GitHub's rate limit is reached."
    )
    answer = tracking.get(STATUS, headers=JSON).json()
    assert answer["status"] == "waiting"
    assert answer["repositories"][0]["waiting_until"]
    assert "The sync resumes by itself" in messages_of(tracking, STATUS)


def test_error_says_what_to_do(tracking: Client, bob_client: Client) -> None:
    TrackedRepository.objects.filter(full_name="acme/website").update(
        status="error", error="GitHub does not find it.", is_permanent_error=True, due_at=None
    )
    TrackedRepository.objects.filter(full_name="acme/attic").update(status="complete", due_at=None)
    assert tracking.get(STATUS, headers=JSON).json()["status"] == "error"
    page = messages_of(tracking, STATUS)
    assert "1 of 2 repositories stopped" in page
    assert "GitHub does not find it." in page
    assert "Try again</button>" in page
    assert "Try again</button>" not in messages_of(bob_client, STATUS)
    tracking.post(SYNC, {"repository": str(REPOSITORIES["website"])})
    assert TrackedRepository.objects.get(full_name="acme/website").status == "pending"
    assert TrackedRepository.objects.get(full_name="acme/attic").status == "complete"


def test_nothing_tracked(team: Team, alice_client: Client) -> None:
    assert "No repository is tracked" in messages_of(alice_client, STATUS)
    assert alice_client.post(SYNC, headers=JSON).status_code == 409
    answer = alice_client.get(STATUS, headers=JSON).json()
    assert answer == {"status": "pending", "progress": 0.0, "repositories": []}
