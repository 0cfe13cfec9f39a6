"""The GitHub App is created from its manifest, by permitted users only, and then used."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from apps.integrations.models import AvailableRepository, GitHubApp
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.teams.membership import create_team
from apps.teams.models import Team
from apps.users.models import User
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


def test_it_works(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    assert "Make the GitHub App" in small.messages_of(alice_client)
    alice_client.get(apps.make(alice_client))
    page = small.messages_of(alice_client)
    assert "is made. Now install it" in page
    row = GitHubApp.objects.get()
    assert (row.owner_login, row.name) == ("acme", "tformance acme")
    apps.connect(alice_client)
    work()
    assert AvailableRepository.objects.count() == 5
    [there] = github.simulator.world.apps.values()
    assert not there.public
    assert set(there.permissions.values()) == {"read"}
    # Its hook is ours, and signs with a secret that only the two of us know.
    before = len(github.simulator.deliveries.attempted)
    github.act("add_member", organization="acme", login="linus")
    assert apps.deliver(github, Client(), before) == [202]
    assert "Make the GitHub App" not in small.messages_of(alice_client)


def test_for_ones_own_account(github: Running, team: Team, alice_client: Client) -> None:
    alice_client.get(apps.make(alice_client, "Make it for my own account"))
    [there] = github.simulator.world.apps.values()
    assert (there.owner.login, there.public) == ("ada", True)


def test_github_can_not_reach_us(
    github: Running, team: Team, alice_client: Client, settings: Settings
) -> None:
    settings.GITHUB_URL = "https://github.com"
    page = alice_client.get(apps.NEW).content.decode()
    action, manifest = apps.manifest_of(page, "Make it for my own account")
    assert action.startswith("https://github.com/settings/apps/new?state=")
    assert "hook_attributes" not in manifest
    assert "default_events" not in manifest


def test_an_answer_counts_once(github: Running, team: Team, alice_client: Client) -> None:
    back = apps.make(alice_client)
    forged = re.sub("code=[^&]+", "code=../user", back)
    alice_client.get(back)
    alice_client.get(forged)
    assert GitHubApp.objects.count() == 1
    github.simulator.log.clear()
    alice_client.get(re.sub("state=[^&]+", "state=x", back))
    assert not github.simulator.log.requests


def test_an_invalid_code(github: Running, team: Team, alice_client: Client) -> None:
    back = apps.make(alice_client)
    alice_client.get(re.sub("code=[^&]+", "code=0123456789", back))
    assert "GitHub does not know the code" in small.messages_of(alice_client)
    assert not GitHubApp.objects.exists()


def test_of_several_teams_only_staff_may(
    github: Running, team: Team, alice: User, charlie: User, alice_client: Client
) -> None:
    """The App's owner can read what other teams connect by it."""
    back = apps.make(alice_client)
    create_team("Other", charlie)
    for address in (apps.NEW, back):
        assert alice_client.get(address).headers["location"] == "/a/acme/integrations/"
        assert "shared by all teams" in small.messages_of(alice_client)
    assert "Make the GitHub App" not in small.messages_of(alice_client)
    assert not GitHubApp.objects.exists()
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice_client.get(apps.make(alice_client, name="Another"))
    assert GitHubApp.objects.exists()


def test_other_users_may_not(
    github: Running, team: Team, bob_client: Client, charlie_client: Client
) -> None:
    assert bob_client.get(apps.NEW).status_code == 403
    assert charlie_client.get(apps.NEW).status_code == 404
