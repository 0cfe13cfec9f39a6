"""What a worker fetches of a connected organisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    Lease,
)
from apps.integrations.repositories import discovery, estimate
from apps.integrations.tests.github import (
    ACME,
    ADA,
    GRACE,
    LINUS,
    REPOSITORIES,
    add_repository,
    connect,
    messages_of,
)
from apps.metrics.models import Group, TeamMember
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running
from github_simulator.world import Account, Organization
from github_simulator.world import Team as GitHubTeam

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


def refresh(client: Client, work: Work) -> None:
    assert client.post("/a/acme/integrations/github/refresh/").status_code == 302
    work()


def test_it_works(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    connect(alice_client)
    assert not TeamMember.objects.exists()
    work()
    people = {m.github_username: (m.github_id, m.name, m.role) for m in TeamMember.objects.all()}
    assert people == {
        "ada": (ADA, "Ada Lovelace", "admin"),
        "grace": (GRACE, "Grace Hopper", "member"),
    }
    platform = Group.objects.get()
    assert (platform.slug, platform.organization_id, platform.members.count()) == (
        "platform",
        ACME,
        2,
    )
    listed = AvailableRepository.objects.order_by("github_repo_id")
    assert [row.full_name for row in listed] == [f"acme/{name}" for name in REPOSITORIES]
    integration = GitHubIntegration.objects.get()
    assert integration.members_synced_at
    assert integration.repositories_synced_at
    assert integration.discovery_error == ""


def test_personal_account(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    connect(alice_client, "ada")
    work()
    assert TeamMember.objects.get().github_username == "ada"
    assert AvailableRepository.objects.get().full_name == "ada/notes"


def test_many_people_and_repositories(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    world = github.simulator.world
    for number in range(1, 1050):
        world.accounts[number] = Account(number, f"U_{number}", f"person-{number}")
        world.organizations[ACME].members[number] = "member"
        world.organizations[ACME].teams[0].members.append(number)
        add_repository(world, world.accounts[ACME], f"r{number}", number)
    connect(alice_client)
    queries = ("query Members(", "query GroupMembers(")
    faults = [Fault("cut", contains=query, nth=7) for query in queries]
    cuts = [github.simulator.faults.add(each) for each in faults]
    for _ in range(3):
        if AvailableRepository.objects.count() < 1054:  # A slow machine needs no more turns.
            due_again(work)
    assert [cut.struck for cut in cuts] == [1, 1]
    asked = [request.operation for request in github.simulator.log.requests]
    assert asked.count("Members") == 11  # A page that was read is not read again.
    assert asked.count("GroupMembers") == 10
    assert TeamMember.objects.filter(is_active=True).count() == 1051
    assert Group.objects.get().members.count() == 1051
    assert AvailableRepository.objects.count() == 1054


def due_again(work: Work) -> None:
    """A worker's turn after any pause."""
    Lease.objects.update(not_before=timezone.now())
    GitHubIntegration.objects.update(members_due_at=timezone.now())
    work()


def test_counting_goes_on_where_a_worker_was_killed(
    github: Running,
    team: Team,
    alice_client: Client,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "TURN", timedelta(0))
    monkeypatch.setattr(estimate, "AT_ONCE", 2)
    connect(alice_client)
    killed = iter([False, True])
    count = estimate.count_pull_requests

    def until_killed(*given: Any) -> int:
        if next(killed, False):
            raise KeyboardInterrupt
        return count(*given)

    monkeypatch.setattr(estimate, "count_pull_requests", until_killed)
    with pytest.raises(KeyboardInterrupt):
        work()
    Lease.objects.all().delete()
    work()
    asked = [request.operation for request in github.simulator.log.requests]
    assert asked.count("Members") == 1
    assert asked.count("PullRequestCounts") == -(-len(REPOSITORIES) // 2)
    assert GitHubIntegration.objects.get().listing_since is None


def test_lists_that_take_github_too_long_are_read_in_shorter_pages(
    github: Running, team: Team, alice_client: Client, work: Work, settings: Settings
) -> None:
    """Its links may name it otherwise than we do."""
    connect(alice_client)
    world = github.simulator.world
    acme = world.organizations[ACME]
    for number in range(1, 131):
        world.accounts[number] = Account(number, f"U_{number}", f"person-{number}")
        acme.members[number] = "member"
        add_repository(world, world.accounts[ACME], f"r{number}", number)
    for number in range(1, 4):
        acme.teams.append(GitHubTeam(number, f"T_{number}", f"t{number}", "T", [*acme.members]))
    options = github.simulator.options
    github.simulator.options = replace(options, patience=0.05, node_latency=0.0004)
    github.simulator.faults.add(
        Fault("server_error", path="/api/v3/orgs/acme/repos", contains="per_page=100")
    )
    settings.GITHUB_URL = github.url.replace("127.0.0.1", "localhost")
    work()
    assert GitHubIntegration.objects.get().discovery_error == ""
    assert TeamMember.objects.count() == 132
    assert [group.members.count() for group in Group.objects.order_by("github_id")] == [132] * 3 + [
        2
    ]
    assert AvailableRepository.objects.count() == 135


def test_a_list_that_github_cannot_return_at_all_delays_no_other(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    github.simulator.faults.add(Fault("null_data", "/api/graphql", contains="query Groups("))
    for _ in range(4):
        due_again(work)
    assert TeamMember.objects.count() == 2
    assert AvailableRepository.objects.count() == len(REPOSITORIES)
    page = messages_of(alice_client)
    assert "took too long to list the organisation&#x27;s teams" in page
    github.simulator.faults.clear()
    refresh(alice_client, work)
    assert Group.objects.get().members.count() == 2
    assert "took too long" not in messages_of(alice_client)


def test_a_token_whose_account_left_the_organization(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    acme = github.simulator.world.organizations[ACME]
    del acme.members[ADA]
    acme.concealed.add(GRACE)
    acme.members[LINUS] = "admin"
    refresh(alice_client, work)
    assert TeamMember.objects.filter(is_active=True).count() == 3
    assert "GitHub shows only public members" in messages_of(alice_client)


def test_leaving_and_coming_back(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    acme = github.simulator.world.organizations[ACME]
    del acme.members[GRACE]
    acme.members[LINUS] = "member"
    refresh(alice_client, work)
    grace = TeamMember.objects.get(github_id=GRACE)
    assert not grace.is_active
    assert grace.left_at
    assert TeamMember.objects.get(github_id=LINUS).is_active
    acme.members[GRACE] = "admin"
    refresh(alice_client, work)
    grace.refresh_from_db()
    assert grace.is_active
    assert grace.left_at is None
    assert grace.role == "admin"


def test_leaving_one_of_two_organizations(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client, "acme")
    connect(alice_client, "ada")
    work()
    del github.simulator.world.organizations[ACME].members[ADA]
    github.simulator.world.organizations[ACME].members[GRACE] = "admin"
    integration = GitHubIntegration.objects.get(organization_slug="acme")
    integration.credential.refresh_from_db()
    refresh(alice_client, work)
    assert TeamMember.objects.get(github_id=ADA).is_active


def test_two_teams_of_one_name_are_told_apart(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    """Teams of two organisations can have one slug, too."""
    world = github.simulator.world
    other = Account(50_000_009, "O_globex", "globex", "Organization", "Globex")
    world.accounts[other.id] = other
    namesake = GitHubTeam(70_000_002, "T_other", "platform", "Platform", [LINUS])
    world.organizations[other.id] = Organization(
        other, {ADA: "admin", LINUS: "member"}, teams=[namesake]
    )
    connect(alice_client, "acme")
    connect(alice_client, "globex")
    for _ in range(2):
        refresh(alice_client, work)
    slugs = {group.github_id: group.slug for group in Group.objects.all()}
    assert sorted(slugs.values()) in (
        ["globex/platform", "platform"],
        ["acme/platform", "platform"],
    )
    listed = alice_client.get("/a/acme/people/").content.decode()
    for slug in slugs.values():
        assert f"Platform ({slug}) ·" in listed
    for group in Group.objects.all():
        alone = alice_client.get(f"/a/acme/?range=all&group={group.slug}")
        assert alone.status_code == 200


def test_renamed_person_and_repository(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    world = github.simulator.world
    world.accounts[GRACE].login = "hopper"
    world.repositories[REPOSITORIES["website"]].name = "site"
    refresh(alice_client, work)
    assert TeamMember.objects.get(github_id=GRACE).github_username == "hopper"
    assert TeamMember.objects.count() == 2
    names = AvailableRepository.objects.values_list("full_name", flat=True)
    assert "acme/site" in names
    assert "acme/website" not in names


def test_an_organization_that_was_renamed_and_its_name_taken(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    alice_client.post("/a/acme/integrations/github/repos/", {"repositories": ["acme/website"]})
    work()
    world = github.simulator.world
    world.accounts[ACME].login = "apex"
    taker = Account(50_000_009, "O_taker", "acme", "Organization", "Another company")
    world.accounts[taker.id] = taker
    world.organizations[taker.id] = Organization(taker, {LINUS: "admin"})
    add_repository(world, taker, "theirs", 61_000_001)
    refresh(alice_client, work)
    names = TeamMember.objects.filter(is_active=True).values_list("github_username", flat=True)
    assert set(names) == {"ada", "grace"}
    assert not AvailableRepository.objects.filter(full_name="acme/theirs").exists()
    assert "acme is no longer the name of this account" in messages_of(alice_client)
    world.organizations[ACME].members[LINUS] = "member"
    GitHubIntegration.objects.update(poll_due_at=timezone.now())
    work()
    work()
    integration = GitHubIntegration.objects.get()
    assert (integration.organization_slug, integration.discovery_error) == ("apex", "")
    assert TeamMember.objects.filter(is_active=True).count() == 3
    listed = AvailableRepository.objects.order_by("github_repo_id")
    assert [row.full_name for row in listed] == [f"apex/{name}" for name in REPOSITORIES]


def test_a_personal_account_that_was_renamed_and_its_name_taken(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client, "ada")
    work()
    world = github.simulator.world
    world.accounts[ADA].login = "countess"
    world.accounts[LINUS].login = "ada"
    refresh(alice_client, work)
    assert TeamMember.objects.get().github_id == ADA
    assert "ada is no longer the name of this account" in messages_of(alice_client)
