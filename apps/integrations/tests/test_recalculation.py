"""A team's new definitions apply to stored figures, without requests to GitHub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.integrations.models import GitHubIntegration, IntegrationCredential, TrackedRepository
from apps.integrations.storing import recalculation
from apps.integrations.tasks import look_for_due_work
from apps.metrics.models import PRReview, PullRequest, Repository
from apps.teams.models import Team

pytestmark = pytest.mark.django_db(transaction=True)
OPENED = datetime(2026, 9, 1, 9, tzinfo=UTC)
SETTINGS = {
    "name": "Acme",
    "timezone": "UTC",
    "history_days": "",
    "hotfix_labels": "hotfix",
    "hotfix_branches": "hotfix/*",
    "hotfix_titles": "hotfix:*\nhotfix(*",
    "bot_logins": "",
    "excluded_repositories": "",
    "excluded_branches": "",
}


@pytest.fixture
def repository(team: Team) -> Repository:
    stored: Repository = Repository.objects.create(
        team=team, github_repo_id=1, full_name="acme/api"
    )
    return stored


@pytest.fixture
def merged(repository: Repository) -> PullRequest:
    """Opened at nine, reviewed by the team's robot at ten and by Bob at eleven, merged at noon."""
    row = pull_request(repository, 1, title="Mend the door")
    for number, (login, hours) in enumerate((("acme-robot", 1), ("bob", 2))):
        PRReview.objects.create(
            team=repository.team,
            pull_request=row,
            node_id=f"R{number}",
            reviewer_github_id=100 + number,
            reviewer_login=login,
            reviewer_type="User",
            state="approved",
            submitted_at=OPENED + timedelta(hours=hours),
            is_qualifying=True,
        )
    return row


def pull_request(repository: Repository, number: int, **changes: Any) -> PullRequest:
    values: dict[str, Any] = {
        "title": "Something",
        "author_github_id": 7,
        "author_login": "ada",
        "author_type": "User",
        "first_review_at": OPENED + timedelta(hours=1),
        "pickup_time": 3600,
        "is_external": True,
        **changes,
    }
    row: PullRequest = PullRequest.objects.create(
        team=repository.team,
        repository=repository,
        number=number,
        github_id=number,
        node_id=f"PR{number}",
        url=f"https://github.com/acme/api/pull/{number}",
        state="merged",
        base_branch="main",
        head_branch="work",
        opened_at=OPENED,
        updated_at=OPENED,
        merged_at=OPENED + timedelta(hours=3),
        first_commit_at=OPENED,
        size="XS",
        fetched_at=OPENED,
        **values,
    )
    return row


def save(client: Client, **changes: str) -> str:
    """Saves the settings and runs the workers; returns the page's text."""
    response = client.post("/a/acme/settings/", {**SETTINGS, **changes}, follow=True)
    look_for_due_work()
    return response.content.decode()


def test_it_works(alice_client: Client, merged: PullRequest) -> None:
    page = save(alice_client, hotfix_titles="mend*")
    assert "The settings are saved. The figures follow in a moment." in page
    merged.refresh_from_db()
    assert merged.is_hotfix
    assert Team.objects.get().recalculate_from is None


def test_a_new_bots_review_no_longer_counts(alice_client: Client, merged: PullRequest) -> None:
    save(alice_client, bot_logins="acme-robot")
    merged.refresh_from_db()
    assert merged.first_review_at == OPENED + timedelta(hours=2)
    assert (merged.pickup_time, merged.review_time, merged.reviewer_count) == (7200, 0, 1)
    counting = merged.reviews.filter(is_qualifying=True)
    assert [review.reviewer_login for review in counting] == ["bob"]


def test_a_new_bots_own_work_is_a_bots(alice_client: Client, merged: PullRequest) -> None:
    save(alice_client, bot_logins="ADA")
    merged.refresh_from_db()
    assert (merged.is_bot, merged.is_external) == (True, False)
    save(alice_client)
    merged.refresh_from_db()
    assert (merged.is_bot, merged.is_external) == (False, True)


def test_what_is_left_out_leaves_every_figure_and_comes_back(
    alice_client: Client, merged: PullRequest
) -> None:
    other = Repository.objects.create(team=merged.team, github_repo_id=2, full_name="acme/site")
    kept = pull_request(other, 2, title="Greet visitors")
    save(alice_client, excluded_repositories="ACME/a*")
    assert shown(alice_client) == ([kept.title], 1)
    page = alice_client.get("/a/acme/?range=all").content.decode()
    assert "Without bots and repositories ACME/a*." in page
    alone = alice_client.get("/a/acme/pull-requests/acme/api/1/").content.decode()
    assert "leave it out of every figure" in alone
    save(alice_client, excluded_branches="main")
    assert shown(alice_client) == ([], 0)
    save(alice_client)
    assert shown(alice_client) == (["Greet visitors", "Mend the door"], 2)


def test_patterns_that_match_no_repository_are_named(
    alice_client: Client, repository: Repository
) -> None:
    Repository.objects.create(team=repository.team, github_repo_id=3, full_name="acme/mobile")
    page = save(alice_client, excluded_repositories="ACME/a*\nmobile\nacme/mobil")
    assert "The settings are saved." in page
    assert "<code>mobile</code>, <code>acme/mobil</code> matches no repository" in page
    assert "is written OWNER/REPO" in page
    Repository.objects.create(team=repository.team, github_repo_id=2, full_name="acme/mobil")
    page = save(alice_client, excluded_repositories="acme/api\nacme/mobil")
    assert "No repository of this team" not in page


def shown(client: Client) -> tuple[list[str], int]:
    """The titles in the list, and how many the overview counts."""
    json = {"Accept": "application/json"}
    listed = client.get("/a/acme/pull-requests/?range=all", headers=json).json()
    overview = client.get("/a/acme/?range=all", headers=json).json()
    titles = sorted(row["title"] for row in listed["pull_requests"])
    return titles, overview["figures"]["merged"]


def test_pages_say_how_far_it_is(alice_client: Client, merged: PullRequest) -> None:
    pull_request(merged.repository, 2)
    Team.objects.update(recalculate_from=merged.pk)
    for address in ("/a/acme/", "/a/acme/settings/"):
        page = alice_client.get(address).content.decode()
        assert "being recalculated" in page
        assert "50 %" in page
    look_for_due_work()
    assert "being recalculated" not in alice_client.get("/a/acme/").content.decode()


@pytest.mark.parametrize("pattern", ["*", "a\n**?"])
def test_not_everything_can_be_left_out(alice_client: Client, team: Team, pattern: str) -> None:
    page = save(alice_client, excluded_repositories=pattern)
    assert "would match everything" in page
    assert Team.objects.get().excluded_repositories == []


def test_every_row_is_reached_and_only_this_teams(
    alice_client: Client, repository: Repository
) -> None:
    for number in range(recalculation.BATCH + 5):
        pull_request(repository, number, title="Urgent: mend")
    other = Team.objects.create(name="Other", slug="other")
    elsewhere = Repository.objects.create(team=other, github_repo_id=1, full_name="acme/api")
    theirs = pull_request(elsewhere, 1, title="Urgent: mend")
    save(alice_client, hotfix_titles="urgent:")
    assert PullRequest.objects.filter(is_hotfix=True).count() == recalculation.BATCH + 5
    theirs.refresh_from_db()
    assert not theirs.is_hotfix


def test_a_new_name_recalculates_nothing(alice_client: Client, merged: PullRequest) -> None:
    before = merged.modified_at
    page = save(alice_client, name="Acme Rockets")
    assert "The figures follow" not in page
    merged.refresh_from_db()
    assert merged.modified_at == before


def test_more_history_makes_the_repositories_due(
    alice_client: Client, team: Team, repository: Repository
) -> None:
    credential = IntegrationCredential.objects.create(
        team=team, kind="token", rejected_at=OPENED, account_login="alice"
    )
    integration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug="acme", organization_id=1
    )
    tracked = TrackedRepository.objects.create(
        team=team,
        integration=integration,
        repository=repository,
        github_repo_id=1,
        full_name="acme/api",
    )
    alice_client.post("/a/acme/settings/", {**SETTINGS, "history_days": "365"})
    tracked.refresh_from_db()
    assert tracked.due_at is not None
