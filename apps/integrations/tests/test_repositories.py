"""Choosing repositories: list, ticks, patterns, all, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.models import AvailableRepository, GitHubIntegration, TrackedRepository
from apps.integrations.tests.github import (
    ACME,
    REPOSITORIES,
    add_repository,
    connect,
    messages_of,
)
from apps.metrics.models import Repository
from apps.teams.models import Team
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
REPOS = "/a/acme/integrations/github/repos/"
JSON = {"accept": "application/json"}
Work = Callable[[], None]


@pytest.fixture
def listed(github: Running, team: Team, alice_client: Client, work: Work) -> Client:
    """Alice, whose team is connected to Acme and knows its repositories."""
    connect(alice_client)
    work()
    return alice_client


def post(client: Client, **body: Any) -> Any:
    return client.post(REPOS, body, content_type="application/json", headers=JSON)


def tracked() -> set[str]:
    return set(TrackedRepository.objects.filter(is_active=True).values_list("full_name", flat=True))


def test_it_works(listed: Client) -> None:
    answer = listed.get(REPOS, headers=JSON).json()
    assert answer["next"] is None
    assert answer["repositories"][0] == {
        "github_repo_id": REPOSITORIES["api-service"],
        "full_name": "acme/api-service",
        "private": True,
        "archived": False,
        "fork": False,
        "pushed_at": "2026-09-01T00:00:00Z",
        "tracked": False,
    }
    names = [row["full_name"] for row in answer["repositories"]]
    assert names == [f"acme/{name}" for name in REPOSITORIES]
    reply = listed.post(REPOS, {"repositories": ["acme/website"]})
    assert reply.headers["location"] == "/a/acme/integrations/github/sync/status/"
    assert tracked() == {"acme/website"}
    assert Repository.objects.get().github_repo_id == REPOSITORIES["website"]
    assert "1 of 5 tracked" in messages_of(listed, REPOS)
    assert AuditEvent.objects.filter(action="github.repositories.tracked").exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"repositories": ["ACME/Website"]}, {"website"}),
        ({"patterns": ["acme/*-service"]}, {"api-service", "mail-service"}),
        ({"patterns": ["*-SERVICE", "attic"]}, {"api-service", "mail-service", "attic"}),
        ({"repositories": ["acme/attic"], "patterns": ["website"]}, {"attic", "website"}),
        ({"all": True}, set(REPOSITORIES)),
    ],
)
def test_ways_to_choose(listed: Client, body: dict[str, Any], expected: set[str]) -> None:
    answer = post(listed, **body)
    assert set(answer.json()["tracked"]) == {f"acme/{name}" for name in expected}
    assert tracked() == {f"acme/{name}" for name in expected}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"repositories": ["acme/website", "acme/secret", "x"]}, "unknown_repositories"),
        ({"repositories": "acme/website"}, "bad_body"),
        ({"patterns": [1]}, "bad_body"),
        ({"patterns": ["attic"] * 51}, "bad_patterns"),
        ({"patterns": ["attic*" + "a" * 250]}, "bad_patterns"),
        ({}, "nothing_chosen"),
    ],
)
def test_what_is_refused(listed: Client, body: dict[str, Any], error: str) -> None:
    answer = post(listed, **body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not tracked()
    if error == "unknown_repositories":
        assert answer.json()["unknown"] == ["acme/secret", "x"]


def test_a_name_that_the_list_lacks_so_far(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    assert alice_client.get(REPOS, headers=JSON).json()["repositories"] == []
    waiting = post(alice_client, all=True)
    assert (waiting.status_code, waiting.json()["error"]) == (409, "still_listing")
    assert post(alice_client, repositories=["ada/notes"]).json()["unknown"] == ["ada/notes"]
    assert post(alice_client, repositories=["Acme/Website"]).json()["tracked"] == ["acme/website"]
    assert tracked() == {"acme/website"}
    work()
    assert len(alice_client.get(REPOS, headers=JSON).json()["repositories"]) == len(REPOSITORIES)


def test_unknown_name_in_a_form(listed: Client) -> None:
    listed.post(REPOS, {"repositories": ["acme/website", "acme/secret"]})
    assert "GitHub does not show acme/secret to this team" in messages_of(listed, REPOS)
    assert not tracked()


def test_repository_of_another_team(listed: Client, team: Team) -> None:
    other = Team.objects.create(name="Other", slug="other")
    TrackedRepository.objects.all().delete()
    other.memberships.create(user=team.memberships.get(role="admin").user, role="admin")
    answer = listed.post(
        "/a/other/integrations/github/repos/",
        {"repositories": ["acme/website"]},
        content_type="application/json",
        headers=JSON,
    )
    assert answer.json()["error"] == "unknown_repositories"


def test_who_may(listed: Client, bob_client: Client, charlie_client: Client) -> None:
    assert len(bob_client.get(REPOS, headers=JSON).json()["repositories"]) == 5
    assert "Track selected" not in messages_of(bob_client, REPOS)
    assert bob_client.post(REPOS, {"repositories": ["acme/website"]}).status_code == 403
    assert post(bob_client, all=True).status_code == 403
    assert charlie_client.get(REPOS).status_code == 404
    assert charlie_client.post(REPOS, {"action": "all"}).status_code == 404
    one = f"{REPOS}{REPOSITORIES['website']}/"
    assert bob_client.delete(one).status_code == 403
    assert charlie_client.delete(one).status_code == 404
    assert not tracked()


def test_stop_and_resume(listed: Client) -> None:
    post(listed, repositories=["acme/website", "acme/attic"])
    row = TrackedRepository.objects.get(full_name="acme/website")
    TrackedRepository.objects.filter(pk=row.pk).update(history_cursor="here")
    one = f"{REPOS}{REPOSITORIES['website']}/"
    assert listed.delete(one, headers=JSON).status_code == 204
    assert listed.delete(one, headers=JSON).status_code == 404
    assert tracked() == {"acme/attic"}
    assert Repository.objects.filter(full_name="acme/website").exists()
    post(listed, repositories=["acme/website"])
    row.refresh_from_db()
    assert (row.is_active, row.history_cursor, bool(row.due_at)) == (True, "here", True)


def test_stop_by_form(listed: Client) -> None:
    post(listed, repositories=["acme/website"])
    listed.post(f"{REPOS}{REPOSITORIES['website']}/", {"_method": "delete"})
    assert "acme/website is no longer tracked" in messages_of(listed, REPOS)
    assert not tracked()


def test_after_connecting_again(listed: Client, work: Work) -> None:
    assert "tracked before." not in messages_of(listed, REPOS)
    post(listed, repositories=["acme/website", "acme/attic"])
    listed.delete("/a/acme/integrations/github/disconnect/", headers=JSON)
    work()
    connect(listed)
    work()
    page = listed.get(REPOS).content.decode()
    assert "2 of these were tracked before." in page
    assert 'href="?show=before"' in page
    shown = listed.get(f"{REPOS}?show=before", headers=JSON).json()["repositories"]
    assert {row["full_name"] for row in shown} == {"acme/website", "acme/attic"}
    post(listed, repositories=["acme/attic"])
    assert "tracked before." not in messages_of(listed, REPOS)


def test_search_sort_and_filters(listed: Client) -> None:
    def names(query: str) -> list[str]:
        rows = listed.get(f"{REPOS}?{query}", headers=JSON).json()["repositories"]
        return [row["full_name"].removeprefix("acme/") for row in rows]

    assert names("q=SERV") == ["api-service", "mail-service"]
    assert names("sort=name") == sorted(REPOSITORIES)
    assert names("no_archived=1&no_forks=1") == ["api-service", "mail-service", "website"]
    post(listed, repositories=["acme/website"])
    assert names("show=tracked") == ["website"]
    assert "website" not in names("show=untracked")
    assert names("q=%25") == []
    assert names("q=SE%00RV") == ["api-service", "mail-service"]


def test_ticks_survive_paging_without_script(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    world = github.simulator.world
    for number in range(1, 121):
        add_repository(world, world.accounts[ACME], f"r{number:03}", number, age=10)
    connect(alice_client)
    work()
    form = {"repositories": ["acme/api-service"], "look": "page-3", "page": "1"}
    page = alice_client.post(REPOS, form).content.decode()
    assert '<input type="hidden" name="repositories" value="acme/api-service"' in page
    assert "Page 3 of 3" in page
    assert not tracked()
    form = {"repositories": ["acme/api-service"], "look": "tick", "page": "3"}
    page = alice_client.post(REPOS, form).content.decode()
    assert page.count(" checked>") == 25
    fragment = alice_client.post(REPOS, form, headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div id="repository-list"')
    first = alice_client.get(REPOS, headers=JSON).json()
    second = alice_client.get(first["next"], headers=JSON).json()
    assert len(first["repositories"]) == len(second["repositories"]) == 50
    assert first["repositories"] != second["repositories"]


def test_matches_while_typing(listed: Client, bob_client: Client) -> None:
    answer = listed.get(f"{REPOS}matches/", {"patterns": "*-service attic"}, headers=JSON).json()
    assert answer["count"] == 3
    shown = bob_client.get(f"{REPOS}matches/", {"patterns": "nothing*"}).content.decode()
    assert "No repository matches." in shown
    many = bob_client.get(f"{REPOS}matches/", {"patterns": "attic " * 51}).content.decode()
    assert "These are 51 patterns; at most 50 are kept." in many


def test_new_repositories_as_they_appear(github: Running, listed: Client, work: Work) -> None:
    listed.post(REPOS, {"action": "patterns", "patterns": "*-service", "track_new": "1"})
    listed.delete(f"{REPOS}{REPOSITORIES['mail-service']}/")
    world = github.simulator.world
    add_repository(world, world.accounts[ACME], "new-service", 61_000_001)
    add_repository(world, world.accounts[ACME], "new-site", 61_000_002)
    listed.post("/a/acme/integrations/github/refresh/")
    work()
    assert tracked() == {"acme/api-service", "acme/new-service"}
    assert "New repositories that match <code>*-service</code>" in messages_of(listed, REPOS)
    listed.post(REPOS, {"action": "follow-none"})
    assert "no longer tracked automatically" in messages_of(listed, REPOS)
    add_repository(world, world.accounts[ACME], "late-service", 61_000_009)
    listed.post("/a/acme/integrations/github/refresh/")
    work()
    assert tracked() == {"acme/api-service", "acme/new-service"}


def test_repository_that_went_away(github: Running, listed: Client, work: Work) -> None:
    post(listed, repositories=["acme/website"])
    world = github.simulator.world
    del world.repositories[REPOSITORIES["website"]]
    del world.repositories[REPOSITORIES["attic"]]
    listed.post("/a/acme/integrations/github/refresh/")
    work()
    page = messages_of(listed, REPOS)
    assert "acme/website" in page
    assert "No longer shown by GitHub" in page
    assert "acme/attic" not in page


def test_before_anything_is_connected(team: Team, alice_client: Client) -> None:
    assert "GitHub is not connected" in messages_of(alice_client, REPOS)


def test_while_the_list_is_read(github: Running, team: Team, alice_client: Client) -> None:
    connect(alice_client)
    page = messages_of(alice_client, REPOS)
    assert "Fetching the list from GitHub" in page
    assert 'hx-trigger="every 3s"' in page


def test_one_that_moved_between_two_connected_accounts(
    listed: Client, github: Running, work: Work
) -> None:
    """Until its former account's list is fetched again, both list it."""
    connect(listed, "ada")
    work()
    github.act("transfer_repository", repository="acme/website", owner="ada")
    GitHubIntegration.objects.filter(organization_slug="ada").update(members_due_at=timezone.now())
    work()
    names = AvailableRepository.objects.filter(github_repo_id=REPOSITORIES["website"])
    assert {row.full_name for row in names} == {"acme/website", "ada/website"}
    answer = post(listed, all=True).json()["tracked"]
    assert "ada/website" in answer
    assert "acme/website" not in answer
    row = TrackedRepository.objects.get(github_repo_id=REPOSITORIES["website"])
    assert (row.full_name, row.integration.organization_slug) == ("ada/website", "ada")
