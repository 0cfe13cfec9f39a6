"""What a worker cannot fetch of a connected organisation, and when it asks again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    IntegrationCredential,
    Lease,
)
from apps.integrations.tests.github import (
    ACME,
    GRACE,
    LINUS,
    REPOSITORIES,
    add_repository,
    connect,
    messages_of,
)
from apps.integrations.tests.test_discovery import Work, refresh
from apps.metrics.models import PullRequest, Repository, TeamMember
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


def test_a_token_that_may_not_list_people(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    """It still lists repositories, day by day."""
    connect(alice_client)
    work()
    token = github.act("make_token", login="ada", scopes=["repo"])["token"]
    IntegrationCredential.objects.update(access_token=token)
    for number in range(2):
        world = github.simulator.world
        add_repository(world, world.accounts[ACME], f"later-{number}", 61_000_001 + number)
        refresh(alice_client, work)
        assert AvailableRepository.objects.filter(full_name=f"acme/later-{number}").exists()
        assert "may not list the organisation&#x27;s people" in messages_of(alice_client)
    assert TeamMember.objects.filter(is_active=True).count() == 2


def test_what_only_a_person_can_change_is_looked_at_every_day(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    acme = github.simulator.world.organizations[ACME]
    acme.restricts_oauth_apps = True
    work()
    assert not TeamMember.objects.exists()
    acme.restricts_oauth_apps = False
    GitHubIntegration.objects.update(members_due_at=F("members_due_at") - timedelta(days=1))
    work()
    assert TeamMember.objects.count() == 2
    assert GitHubIntegration.objects.get().discovery_error == ""


def test_work_done_before_its_author_was_known(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    repository = Repository.objects.create(team=team, github_repo_id=1, full_name="acme/old")
    now = timezone.now()
    PullRequest.objects.create(
        team=team,
        repository=repository,
        number=1,
        github_id=1,
        node_id="PR_1",
        url="https://github.com/acme/old/pull/1",
        title="Before",
        state="open",
        base_branch="main",
        head_branch="x",
        size="XS",
        author_github_id=GRACE,
        author_login="grace",
        author_type="User",
        is_external=True,
        opened_at=now,
        updated_at=now,
        first_commit_at=now,
        fetched_at=now,
    )
    connect(alice_client)
    work()
    pull_request = PullRequest.objects.get()
    assert pull_request.author
    assert pull_request.author.github_username == "grace"
    assert not pull_request.is_external


def test_github_fails_half_way(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    github.simulator.faults.add(Fault("server_error", path="/api/graphql", status=502))
    refresh(alice_client, work)
    assert TeamMember.objects.filter(is_active=True).count() == 2
    integration = GitHubIntegration.objects.get()
    assert integration.members_due_at
    assert integration.members_due_at > timezone.now()
    assert "GitHub answered 502" in messages_of(alice_client)
    github.simulator.faults.clear()
    refresh(alice_client, work)
    assert "GitHub answered 502" not in messages_of(alice_client)


def test_organization_that_restricts_apps_later(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    github.simulator.world.organizations[ACME].restricts_oauth_apps = True
    work()
    page = messages_of(alice_client)
    assert "acme lets only approved applications in" in page
    assert f'href="{github.url}/organizations/acme/settings/oauth_application_policy"' in page


def test_revoked_token(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    connect(alice_client)
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    work()
    page = messages_of(alice_client)
    assert "GitHub no longer accepts the token" in page
    assert "Reconnect to continue where it stopped." in page
    before = len(github.simulator.log.requests)
    refresh(alice_client, work)
    assert len(github.simulator.log.requests) == before


def test_asking_again_while_people_are_being_fetched(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    acme = github.simulator.world.organizations[ACME]

    def meanwhile(execute: Any, sql: str, *more: Any) -> Any:
        result = execute(sql, *more)
        if "integrations_availablerepository" in sql and LINUS not in acme.members:
            acme.members[LINUS] = "member"
            alice_client.post("/a/acme/integrations/github/refresh/")
        return result

    with connection.execute_wrapper(meanwhile):
        work()
    assert TeamMember.objects.filter(github_id=LINUS).exists()


def test_what_the_terminal_syncs_is_not_looked_at_by_workers(
    github: Running, team: Team, work: Work, settings: Settings
) -> None:
    settings.GITHUB_TOKEN = github.token
    credential = IntegrationCredential.objects.create(team=team, kind="environment")
    GitHubIntegration.objects.create(
        team=team,
        credential=credential,
        organization_slug="acme",
        organization_id=ACME,
        members_due_at=timezone.now(),
    )
    work()
    assert not TeamMember.objects.exists()
    assert GitHubIntegration.objects.get().discovery_error == ""


def test_what_cannot_be_read(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    """An unreadable list is reported; the readable part of a repository is stored."""
    connect(alice_client)
    work()
    before = list(AvailableRepository.objects.order_by("pk").values("full_name", "default_branch"))
    strange = Fault("reply", path="/api/v3/orgs/acme/repos", body={"list": "none"})
    github.simulator.faults.add(strange)
    refresh(alice_client, work)
    assert "reply cannot be read" in messages_of(alice_client)
    github.simulator.faults.clear()
    world = github.simulator.world.repositories
    world[REPOSITORIES["website"]].default_branch = 7  # type: ignore[assignment]
    world[REPOSITORIES["attic"]].node_id = None  # type: ignore[assignment]
    refresh(alice_client, work)
    assert "reply cannot be read" not in messages_of(alice_client)
    rows = AvailableRepository.objects.order_by("pk")
    assert list(rows.values("full_name", "default_branch")) == before


def test_what_cannot_be_stored_stops_nobody_else(
    github: Running, team: Team, alice_client: Client, work: Work
) -> None:
    connect(alice_client)
    work()
    world = github.simulator.world
    website = world.repositories.pop(REPOSITORIES["website"])
    website.id = 2**63
    world.repositories[website.id] = website
    Team.objects.update(prune_due_at=timezone.now())
    refresh(alice_client, work)
    assert "tformance could not process GitHub&#x27;s response" in messages_of(alice_client)
    assert Team.objects.get().prune_due_at is None  # The chore after it was done.
    integration = GitHubIntegration.objects.get()
    assert not Lease.objects.exclude(until=None).exists()
    assert integration.members_due_at
    assert integration.members_due_at > timezone.now()
