"""From one way of connecting to another: fetched data stays; hooks and tokens follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.metrics.models import PullRequest, TeamMember
from apps.teams.membership import create_team
from apps.teams.models import Team
from apps.users.models import User
from conftest import signed_in
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


def _kept() -> list[Any]:
    """The keys of all rows that must stay."""
    kinds = (PullRequest, TeamMember, TrackedRepository, GitHubIntegration)
    return [sorted(kind._default_manager.values_list("pk", flat=True)) for kind in kinds]


def _hooks_there(github: Running) -> int:
    return sum(len(each.hooks) for each in github.simulator.world.repositories.values())


def _alive(github: Running, prefix: str) -> int:
    tokens = github.simulator.world.tokens.values()
    return sum(1 for token in tokens if token.value.startswith(prefix) and not token.revoked)


def test_it_works(
    github: Running, settings: Settings, team: Team, alice_client: Client, work: Work
) -> None:
    """OAuth, the App, a pasted token, and OAuth again."""
    apps.set_up(github, settings)
    for name in ("website", "api-service"):
        github.act("open", repository=f"acme/{name}", actor="grace")
    small.connect(alice_client)
    work()
    chosen = {"repositories": ["acme/website", "acme/api-service"]}
    alice_client.post("/a/acme/integrations/github/repos/", chosen)
    work()
    work()
    kept = _kept()
    assert len(kept[0]) == 2
    assert (_hooks_there(github), _alive(github, "gho_")) == (2, 1)

    apps.connect(alice_client)
    for _ in range(2):  # one write to GitHub a second
        Farewell.objects.update(due_at=timezone.now())
        work()
    assert _kept() == kept
    assert (_hooks_there(github), _alive(github, "gho_")) == (0, 0)
    assert not Hook.objects.filter(app_id=None).exists()
    _news_come(github, work)

    pasted = {"token": github.token, "organization": "acme"}
    alice_client.post("/a/acme/integrations/github/token/", pasted)
    work()
    work()
    assert [kept_of[:2] for kept_of in _kept()] == [kept_of[:2] for kept_of in kept]
    assert (_hooks_there(github), _alive(github, "ghs_")) == (2, 0)

    small.connect(alice_client)
    work()
    assert (_hooks_there(github), _alive(github, "gho_")) == (2, 1)
    assert TrackedRepository.objects.filter(is_active=True).count() == 2
    connected = IntegrationCredential.objects.filter(integrations__disconnected_at=None).get()
    assert connected.kind == "oauth"
    assert not Farewell.objects.exists()


def _news_come(github: Running, work: Work) -> None:
    """The installation's token continues where the last one stopped."""
    before = PullRequest.objects.count()
    github.act("open", repository="acme/website", actor="ada")
    GitHubIntegration.objects.update(poll_due_at="2020-01-01T00:00:00Z")
    work()
    assert PullRequest.objects.count() == before + 1


def test_another_team_keeps_the_hook_that_it_shares(
    github: Running, settings: Settings, team: Team, alice_client: Client, work: Work, charlie: User
) -> None:
    apps.set_up(github, settings)
    other = signed_in(charlie)
    create_team("Other", charlie)
    for client, slug in ((alice_client, "acme"), (other, "other")):
        small.connect(client, team=slug)
        work()
        chosen = {"repositories": ["acme/website"]}
        client.post(f"/a/{slug}/integrations/github/repos/", chosen)
        work()
    assert _hooks_there(github) == 1
    apps.connect(alice_client)
    work()
    assert _hooks_there(github) == 1
    assert TrackedRepository.objects.get(team__slug="other").hook


def test_a_hook_that_was_still_to_be_deleted_goes_too(
    github: Running, settings: Settings, team: Team, alice_client: Client, work: Work
) -> None:
    apps.set_up(github, settings)
    small.connect(alice_client)
    work()
    repos = "/a/acme/integrations/github/repos/"
    alice_client.post(repos, {"repositories": ["acme/website"]})
    work()
    assert _hooks_there(github) == 1
    alice_client.delete(f"{repos}{small.REPOSITORIES['website']}/")
    apps.connect(alice_client)
    work()
    assert _hooks_there(github) == 0
    assert not Hook.objects.filter(app_id=None).exists()
