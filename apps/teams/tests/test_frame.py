"""The frame of every page: navigation, account, and how people and teams are shown."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.teams.membership import create_team
from apps.teams.models import Team
from apps.teams.templatetags.display import avatar, told_apart
from apps.users.models import User


def current(client: Client, address: str) -> list[str]:
    """The current entries of the navigation and the tabs."""
    page = client.get(address).content.decode()
    found = re.findall(r'aria-current="page">(.*?)</a>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", each).strip() for each in found]


def test_it_works(alice_client: Client, team: Team) -> None:
    page = alice_client.get("/a/acme/settings/").content.decode()
    assert page.index(">Insight<") < page.index("Overview") < page.index(">Set-up<")
    assert current(alice_client, "/a/acme/settings/") == ["Settings", "Team"]
    assert '#settings"' in page


@pytest.mark.parametrize(
    ("address", "tab"),
    [
        ("/accounts/email/", "E-mail"),
        ("/accounts/password/change/", "Password"),
        ("/accounts/2fa/", "Second factors"),
        ("/accounts/sessions/", "Sessions"),
    ],
)
def test_the_account_has_the_frame_of_the_teams(
    alice_client: Client, team: Team, address: str, tab: str
) -> None:
    assert current(alice_client, address) == [tab]
    assert 'href="/a/acme/"' in alice_client.get(address).content.decode()


def test_only_admins_are_led_to_the_data_and_the_audit_log(
    alice_client: Client, bob_client: Client, team: Team
) -> None:
    assert ">Audit log<" in alice_client.get("/a/acme/settings/").content.decode()
    page = bob_client.get("/a/acme/settings/").content.decode()
    assert ">Audit log<" not in page
    assert ">Weekly digest<" in page


def test_initials_keep_their_colour() -> None:
    assert avatar("Ada-Lovelace") == avatar("ada-lovelace").replace(">al<", ">AL<")
    assert len({avatar(f"a{n}").split("tint-")[1][0] for n in range(60)}) == 8
    assert "<" not in avatar("<script>").split(">")[1].split("</span")[0]


def test_teams_with_the_same_name_are_distinguished(
    alice: User, alice_client: Client, team: Team
) -> None:
    other = create_team(team.name, alice)
    assert told_apart(team, [team]) == team.name
    page = alice_client.get("/a/acme/settings/").content.decode()
    assert f"{team.name} ({team.slug})" in page
    assert f"{team.name} ({other.slug})" in page


def test_an_address_that_only_takes_forms_says_so(alice_client: Client, team: Team) -> None:
    found = alice_client.get("/a/acme/settings/leave/")
    assert (found.status_code, found.headers["Allow"]) == (405, "POST")
    assert "only takes what a form sends" in found.content.decode()
    as_program = alice_client.get("/a/acme/settings/leave/", headers={"Accept": "application/json"})
    assert (as_program.status_code, as_program.content) == (405, b"")
