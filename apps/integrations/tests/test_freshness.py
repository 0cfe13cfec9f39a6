"""The pages of figures say how fresh and how whole their data is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.integrations.models import GitHubIntegration, IntegrationCredential, TrackedRepository
from apps.metrics.tests.factories import make_pull_request, make_repository
from apps.teams.models import Team

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
    page = bob_client.get("/a/acme/").content.decode()
    assert "History is still being read for 1 of 1 repositories" in page
    assert "1 Feb 2026" in page
    assert "Checked with GitHub" in page
    assert "3 min ago" in page


def test_without_a_first_page_nothing_is_promised(
    tracked: TrackedRepository, bob_client: Client
) -> None:
    TrackedRepository.objects.update(reached_at=None)
    page = bob_client.get("/a/acme/").content.decode()
    assert "History is still being read" in page
    assert "everything is here" not in page


def test_whole_data_says_nothing_of_it(tracked: TrackedRepository, bob_client: Client) -> None:
    TrackedRepository.objects.update(history_complete=True)
    assert "History is still being read" not in bob_client.get("/a/acme/").content.decode()


def test_an_open_page_learns_that_it_is_whole(
    tracked: TrackedRepository, bob_client: Client
) -> None:
    etag = bob_client.get("/a/acme/").headers["ETag"].strip('"')
    TrackedRepository.objects.update(history_complete=True)
    part = bob_client.get(f"/a/acme/?version={etag}", headers={"HX-Request": "true"})
    assert part.headers["HX-Retarget"] == "#figures"
    assert "History is still being read" not in part.content.decode()
