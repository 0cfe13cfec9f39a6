"""Outsiders and signed-out users see nothing of a team."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.teams.models import Team

READ = ["/a/acme/settings/", "/a/acme/settings/members/"]
WRITE = [
    "/a/acme/settings/leave/",
    "/a/acme/settings/members/1/role/",
    "/a/acme/settings/members/1/remove/",
    "/a/acme/settings/invitations/",
    "/a/acme/settings/invitations/1/revoke/",
]


@pytest.mark.parametrize("address", READ)
def test_it_works(bob_client: Client, team: Team, address: str) -> None:
    response = bob_client.get(address)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("address", READ + WRITE)
def test_an_outsider_sees_the_same_as_for_a_missing_team(
    charlie_client: Client, team: Team, address: str
) -> None:
    method = charlie_client.post if address in WRITE else charlie_client.get
    there = method(address)
    nowhere = method(address.replace("/acme/", "/nowhere/"))
    assert there.status_code == nowhere.status_code == 404
    assert "There is nothing here" in there.content.decode()
    assert "Acme" not in there.content.decode()


@pytest.mark.parametrize("address", READ + WRITE)
def test_signed_out_users_are_asked_to_sign_in(client: Client, team: Team, address: str) -> None:
    method = client.post if address in WRITE else client.get
    response = method(address)
    # A POST-only address leads back to the team's page, not to itself.
    back = "/a/acme/" if address in WRITE else address
    assert response.status_code == 302
    assert response.headers["Location"] == f"/accounts/login/?next={back}"


@pytest.mark.parametrize("address", WRITE[1:])
def test_bob_is_told_that_only_admins_may(bob_client: Client, team: Team, address: str) -> None:
    response = bob_client.post(address)
    assert response.status_code == 403
    assert "Only an admin of the team may do this." in response.content.decode()


def test_programs_get_json(client: Client, charlie_client: Client, team: Team) -> None:
    wanted = {"Accept": "application/json"}
    signed_out = client.get("/a/acme/settings/", headers=wanted)
    assert (signed_out.status_code, signed_out.json()) == (401, {"error": "Sign in first."})
    outsider = charlie_client.get("/a/acme/settings/", headers=wanted)
    assert outsider.status_code == 404
    assert "error" in outsider.json()


def test_programs_of_members_get_json_too(bob_client: Client, team: Team) -> None:
    response = bob_client.post(
        "/a/acme/settings/invitations/", headers={"Accept": "application/json"}
    )
    assert response.status_code == 403
    assert response.json() == {"error": "Only an admin of the team may do this."}


def test_a_part_of_a_page_reloads_the_page_to_sign_in(client: Client, team: Team) -> None:
    response = client.get("/a/acme/settings/", headers={"HX-Request": "true"})
    assert response.headers["HX-Refresh"] == "true"
