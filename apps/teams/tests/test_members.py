"""Roles, leaving and removing; a team never loses its last admin."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client

from apps.audit.models import AuditEvent
from apps.teams.models import Membership, Team
from apps.users.models import User

LAST = "A team needs an admin."


def address(user: User, act: str) -> str:
    membership = Membership.objects.get(user=user)
    return f"/a/{membership.team.slug}/settings/members/{membership.pk}/{act}/"


def role(user: User) -> str:
    return Membership.objects.get(user=user).role


def test_it_works(alice_client: Client, bob: User, team: Team) -> None:
    response = alice_client.post(address(bob, "role"), {"role": "admin"}, follow=True)
    assert "Bob now has the role admin." in response.content.decode()
    assert role(bob) == "admin"
    event = AuditEvent.objects.get(action="member.role_changed")
    assert (event.object_name, event.details["role"]) == ("bob@example.com", "admin")
    assert event.shown_details == [("Role", "Member → Admin")]


def test_a_removed_member_is_outside_at_once(
    alice_client: Client, bob_client: Client, bob: User, team: Team
) -> None:
    assert bob_client.get("/a/acme/settings/").status_code == 200
    alice_client.post(address(bob, "remove"))
    assert bob_client.get("/a/acme/settings/").status_code == 404
    assert AuditEvent.objects.filter(action="member.removed").exists()


def test_a_member_leaves(bob_client: Client, bob: User, team: Team) -> None:
    response = bob_client.post("/a/acme/settings/leave/", follow=True)
    assert "You have left Acme." in response.content.decode()
    assert not Membership.objects.filter(user=bob).exists()
    assert AuditEvent.objects.filter(action="member.left").exists()


def test_the_last_admin_cannot_leave(alice_client: Client, alice: User, team: Team) -> None:
    response = alice_client.post("/a/acme/settings/leave/", follow=True)
    assert LAST in response.content.decode()
    assert role(alice) == "admin"


def test_the_last_admin_stays_admin(alice_client: Client, alice: User, team: Team) -> None:
    demoted = alice_client.post(address(alice, "role"), {"role": "member"}, follow=True)
    removed = alice_client.post(address(alice, "remove"), follow=True)
    assert LAST in demoted.content.decode()
    assert LAST in removed.content.decode()
    assert role(alice) == "admin"


def test_an_admin_leaves_when_there_is_another(
    alice_client: Client, alice: User, bob: User, team: Team
) -> None:
    alice_client.post(address(bob, "role"), {"role": "admin"})
    alice_client.post("/a/acme/settings/leave/")
    assert not Membership.objects.filter(user=alice).exists()


@pytest.mark.parametrize("sent", ["owner", "", "ADMIN"])
def test_there_are_two_roles(alice_client: Client, bob: User, team: Team, sent: str) -> None:
    response = alice_client.post(address(bob, "role"), {"role": sent}, follow=True)
    assert "There is no such role." in response.content.decode()
    assert role(bob) == "member"


def test_a_member_of_another_team_is_out_of_reach(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    charlie_client.post("/teams/new/", {"name": "Charlie’s"})
    theirs = Membership.objects.get(user=charlie)
    response = alice_client.post(f"/a/acme/settings/members/{theirs.pk}/remove/")
    assert response.status_code == 404
    assert Membership.objects.filter(pk=theirs.pk).exists()


def test_members_see_who_is_in_the_team_without_buttons(bob_client: Client, team: Team) -> None:
    page = bob_client.get("/a/acme/settings/members/").content.decode()
    assert "alice@example.com" in page
    assert "/role/" not in page
    assert "/remove/" not in page
    assert "Invite" not in page


def test_days_are_those_of_the_team(alice_client: Client, bob: User, team: Team) -> None:
    late = datetime(2026, 9, 1, 22, 30, tzinfo=UTC)
    Membership.objects.filter(user=bob).update(created_at=late)
    assert "1 Sep 2026" in alice_client.get("/a/acme/settings/members/").content.decode()
    Team.objects.update(timezone="Europe/Berlin")
    page = alice_client.get("/a/acme/settings/members/").content.decode()
    assert "2 Sep 2026" in page
    assert "2026-09-01 22:30:00 UTC" in page


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_demote_each_other_leave_one(
    alice_client: Client, bob_client: Client, alice: User, bob: User, team: Team
) -> None:
    Membership.objects.update(role="admin")
    acts = [(alice_client, address(bob, "role")), (bob_client, address(alice, "role"))]
    together = threading.Barrier(2)

    def demote(client: Client, where: str) -> None:
        together.wait()
        client.post(where, {"role": "member"})
        connection.close()

    threads = [threading.Thread(target=demote, args=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Membership.objects.filter(team=team, role="admin").count() == 1
