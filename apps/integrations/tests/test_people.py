"""The people page: members, former members, excluding and including."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.integrations.tests.github import ACME, ADA, GRACE, connect, messages_of
from apps.metrics.models import TeamMember
from apps.teams.models import Team
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
PEOPLE = "/a/acme/people/"
JSON = {"accept": "application/json"}


@pytest.fixture
def known(github: Running, team: Team, alice_client: Client, work: Callable[[], None]) -> Client:
    """Alice, whose team is connected to Acme and knows its people."""
    connect(alice_client)
    work()
    return alice_client


def logins(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{PEOPLE}?{query}", headers=JSON).json()
    return [person["login"] for person in answer["people"]]


def test_it_works(known: Client) -> None:
    answer = known.get(PEOPLE, headers=JSON).json()
    assert answer["count"] == 2
    assert answer["people"][0] == {
        "github_id": ADA,
        "login": "ada",
        "name": "Ada Lovelace",
        "role": "admin",
        "is_active": True,
        "is_hidden": False,
        "is_bot": False,
        "left_at": None,
        "groups": ["platform"],
    }
    page = messages_of(known, PEOPLE)
    assert "Grace Hopper" in page
    assert "Last refreshed" in page
    assert "<img" not in page


def test_search_and_group(known: Client) -> None:
    assert logins(known, "q=HOPPER") == ["grace"]
    assert logins(known, "group=70000001") == ["ada", "grace"]
    assert logins(known, "group=1") == []
    assert logins(known, "q=HOP%00PER") == ["grace"]


@pytest.mark.parametrize("group", ["", "x", "%C2%B2", "9" * 5_000])
def test_an_invalid_group(known: Client, group: str) -> None:
    assert logins(known, f"group={group}") == ["ada", "grace"]


def test_switching_off_and_on(known: Client) -> None:
    known.post(f"{PEOPLE}{GRACE}/switch/", {"hidden": "1"})
    assert TeamMember.objects.get(github_id=GRACE).is_hidden
    assert logins(known, "show=hidden") == ["grace"]
    assert "grace" not in logins(known)
    assert "is excluded from figures about people" in known.get(PEOPLE).content.decode()
    reply = known.post(f"{PEOPLE}{GRACE}/switch/", {"hidden": "0"}, headers={"HX-Request": "true"})
    assert reply.headers["HX-Refresh"] == "true"
    assert not TeamMember.objects.get(github_id=GRACE).is_hidden


def test_left_and_bots(
    github: Running, known: Client, work: Callable[[], None], team: Team
) -> None:
    team.bot_logins = ["Ada"]
    team.save()
    del github.simulator.world.organizations[ACME].members[GRACE]
    known.post("/a/acme/integrations/github/refresh/", {"from": "people"})
    work()
    assert logins(known, "show=left") == ["grace"]
    assert logins(known, "show=bots") == ["ada"]
    assert logins(known, "show=all") == ["ada", "grace"]


def test_who_may(known: Client, bob_client: Client, charlie_client: Client) -> None:
    assert logins(bob_client) == ["ada", "grace"]
    assert "Switch Ada" not in messages_of(bob_client, PEOPLE)
    assert bob_client.post(f"{PEOPLE}{GRACE}/switch/", {"hidden": "1"}).status_code == 403
    assert bob_client.post("/a/acme/integrations/github/refresh/").status_code == 403
    assert charlie_client.get(PEOPLE).status_code == 404
    assert charlie_client.post(f"{PEOPLE}{GRACE}/switch/", {"hidden": "1"}).status_code == 404
    assert known.post(f"{PEOPLE}1/switch/", {"hidden": "1"}).status_code == 404


def test_states(github: Running, team: Team, alice_client: Client) -> None:
    assert "GitHub is not connected" in messages_of(alice_client, PEOPLE)
    connect(alice_client)
    assert "Fetching people from GitHub" in messages_of(alice_client, PEOPLE)
