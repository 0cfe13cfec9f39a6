"""The pages of figures say how fresh and how complete their data is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.integrations.github import records
from apps.integrations.github.errors import CredentialsRejectedError
from apps.integrations.models import GitHubIntegration, IntegrationCredential, TrackedRepository
from apps.integrations.storing import ingest, ingest_people
from apps.integrations.sync import schedule
from apps.metrics.figures import freshness
from apps.metrics.tests.factories import make_member, make_pull_request, make_repository
from apps.teams.models import Team
from apps.teams.tests.test_teams import SETTINGS

pytestmark = pytest.mark.django_db


@pytest.fixture
def tracked(team: Team) -> TrackedRepository:
    """A repository with a pull request, its history still being read."""
    credential = IntegrationCredential.objects.create(team=team, kind="token")
    integration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug="acme", organization_id=1
    )
    shop = make_repository(team)
    make_pull_request(shop, opened_at=timezone.now() - timedelta(days=2))
    tracked: TrackedRepository = TrackedRepository.objects.create(
        team=team,
        integration=integration,
        repository=shop,
        github_repo_id=shop.github_repo_id,
        full_name=shop.full_name,
        last_sync_at=timezone.now() - timedelta(minutes=3),
        reached_at=datetime(2026, 2, 1, 12, tzinfo=UTC),
    )
    return tracked


def test_it_works(tracked: TrackedRepository, bob_client: Client) -> None:
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "History is still being read for 1 of 1 repositories" in page
    assert "1 Feb 2026" in page
    assert "Checked with GitHub" in page
    assert "3 min ago" in page


def test_without_a_first_page_no_progress_is_shown(
    tracked: TrackedRepository, bob_client: Client
) -> None:
    TrackedRepository.objects.update(reached_at=None)
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "History is still being read" in page
    assert "everything is here" not in page


def test_complete_data_has_no_remark(tracked: TrackedRepository, bob_client: Client) -> None:
    TrackedRepository.objects.update(history_complete=True)
    assert "History is still being read" not in bob_client.get("/a/acme/").content.decode()


def test_a_refused_token_is_said_beside_the_figures(
    tracked: TrackedRepository, alice_client: Client, bob_client: Client
) -> None:
    assert "have not been updated" not in bob_client.get("/a/acme/").content.decode()
    before = etag(bob_client)
    schedule.reject(tracked.integration.credential, CredentialsRejectedError("No."))
    assert etag(bob_client) != before
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "1 of 1 repositories have not been updated since. Ask an admin" in page
    page = " ".join(alice_client.get("/a/acme/").content.decode().split())
    assert "See why, and reconnect" in page
    assert 'href="/a/acme/integrations/">See why' in page


def test_figures_say_that_nothing_is_connected_any_more(
    tracked: TrackedRepository, alice_client: Client, bob_client: Client
) -> None:
    before = etag(bob_client)
    TrackedRepository.objects.update(is_active=False)
    GitHubIntegration.objects.update(disconnected_at=timezone.now())
    assert etag(bob_client) != before
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "Not connected to GitHub since" in page
    assert "Ask an admin of the team to connect again" in page
    page = " ".join(alice_client.get("/a/acme/").content.decode().split())
    assert 'href="/a/acme/integrations/">Connect again' in page


def test_figures_say_that_no_repository_is_tracked(
    tracked: TrackedRepository, alice_client: Client, bob_client: Client
) -> None:
    before = etag(bob_client)
    TrackedRepository.objects.update(is_active=False)
    assert etag(bob_client) != before
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "No repository is tracked" in page
    assert "Ask an admin of the team to choose some" in page
    assert "Checked with GitHub" not in page
    page = " ".join(alice_client.get("/a/acme/").content.decode().split())
    assert 'href="/a/acme/integrations/github/repos/">Choose repositories' in page


def test_changes_wait_for_the_history_of_the_period_before(
    tracked: TrackedRepository, bob_client: Client
) -> None:
    now = timezone.now()
    make_pull_request(tracked.repository, opened_at=now - timedelta(days=400))
    for place in range(15):
        opened_at = now - timedelta(days=100 if place < 5 else 10, hours=place)
        make_pull_request(tracked.repository, opened_at=opened_at, ended=8)
    TrackedRepository.objects.update(reached_at=now - timedelta(days=10))
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "is still being fetched, so nothing is compared yet" in page
    assert "was 0.4" not in page
    TrackedRepository.objects.update(reached_at=now - timedelta(days=300))
    page = " ".join(bob_client.get("/a/acme/").content.decode().split())
    assert "nothing is compared yet" not in page
    assert "was 0.4" in page


def test_an_open_page_shows_when_data_is_complete(
    tracked: TrackedRepository, bob_client: Client
) -> None:
    etag = bob_client.get("/a/acme/").headers["ETag"].strip('"')
    TrackedRepository.objects.update(history_complete=True)
    part = bob_client.get(f"/a/acme/?version={etag}", headers={"HX-Request": "true"})
    assert part.headers["HX-Retarget"] == "#figures"
    assert "History is still being read" not in part.content.decode()


def test_whatever_figures_depend_on_makes_a_page_new(
    tracked: TrackedRepository, team: Team, alice_client: Client
) -> None:
    grace = make_member(team, "grace")
    integration = tracked.integration
    record = records.Repository(
        id="R_1", database_id=tracked.github_repo_id, name_with_owner="acme/store"
    )
    changes: list[Callable[[], object]] = [
        lambda: ingest.pull_requests(tracked.repository, [], timezone.now()),
        lambda: ingest.repository(team, record),
        lambda: ingest_people.members_left(integration, {grace.github_id}),
        lambda: ingest_people.groups_gone(integration, set()),
        lambda: alice_client.post(f"/a/acme/people/{grace.github_id}/switch/", {"hidden": "1"}),
        lambda: alice_client.post("/a/acme/settings/", {**SETTINGS, "timezone": "Asia/Tokyo"}),
        lambda: freshness.changed(tracked.repository_id),
    ]
    seen = [etag(alice_client)]
    for change in changes:
        assert etag(alice_client) == seen[-1]
        change()
        seen.append(etag(alice_client))
    assert len(set(seen)) == len(changes) + 1


def etag(client: Client) -> str:
    return str(client.get("/a/acme/flow/").headers.get("ETag"))
