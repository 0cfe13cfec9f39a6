"""Creating a team, its settings, and the way to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.teams.changes import team_settings_changed
from apps.teams.models import Membership, Team
from apps.users.models import User

SETTINGS = {
    "name": "Acme",
    "timezone": "UTC",
    "history_days": "",
    "hotfix_labels": "hotfix",
    "hotfix_branches": "hotfix/*",
    "hotfix_titles": "hotfix:*\nhotfix(*",
    "bot_logins": "",
}


def test_it_works(charlie_client: Client, charlie: User) -> None:
    response = charlie_client.post("/teams/new/", {"name": "Data Platform"})
    assert response.headers["Location"] == "/a/data-platform/"
    membership = Membership.objects.get(user=charlie)
    assert (membership.team.name, membership.role) == ("Data Platform", "admin")
    event = AuditEvent.objects.get(action="team.created")
    assert (event.team, event.actor) == (membership.team, charlie)


def test_a_double_click_makes_one_team(charlie_client: Client, alice_client: Client) -> None:
    first, second = (charlie_client.post("/teams/new/", {"name": "Payments"}) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert Team.objects.count() == AuditEvent.objects.filter(action="team.created").count() == 1
    other = alice_client.post("/teams/new/", {"name": "Payments"})
    assert other.headers["Location"] != first.headers["Location"]


def test_a_second_team_of_the_same_name_is_made_later(charlie_client: Client) -> None:
    charlie_client.post("/teams/new/", {"name": "Payments"})
    Team.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    charlie_client.post("/teams/new/", {"name": "Payments"})
    assert Team.objects.count() == 2


@pytest.mark.parametrize("name", ["Acme", "acme", "ACME!", "Ácme"])
def test_a_team_with_the_same_name_is_another_team(
    charlie_client: Client, team: Team, name: str
) -> None:
    address = charlie_client.post("/teams/new/", {"name": name}).headers["Location"]
    assert address.startswith("/a/acme-")
    assert len(address) >= len("/a/acme-12345678/")
    assert charlie_client.get("/a/acme/settings/").status_code == 404
    assert team.memberships.count() == 2


@pytest.mark.parametrize("name", ["日本", "!!!", "🎉"])
def test_a_name_without_letters_of_an_address_gets_one(charlie_client: Client, name: str) -> None:
    address = charlie_client.post("/teams/new/", {"name": name}).headers["Location"]
    assert address.startswith("/a/team-")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_team_needs_a_name(charlie_client: Client, name: str) -> None:
    response = charlie_client.post("/teams/new/", {"name": name})
    assert response.status_code == 422
    assert not Team.objects.exists()


@pytest.mark.django_db
def test_signed_out_users_see_the_landing_page(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "See how your team’s pull requests flow" in page
    assert "/accounts/signup/" in page


def test_a_user_without_a_team_creates_one(charlie_client: Client) -> None:
    assert charlie_client.get("/").headers["Location"] == "/teams/new/"


def test_the_start_page_leads_to_the_last_team(
    alice_client: Client, alice: User, team: Team
) -> None:
    alice_client.post("/teams/new/", {"name": "Other"})
    alice_client.get("/a/acme/settings/")
    assert alice_client.get("/").headers["Location"] == "/a/acme/"
    alice_client.get("/a/other/settings/")
    assert alice_client.get("/").headers["Location"] == "/a/other/"
    again = Client()
    again.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert again.get("/").headers["Location"] == "/a/other/"


def test_the_switcher_lists_ones_own_teams(alice_client: Client, team: Team) -> None:
    Team.objects.create(name="Secret", slug="secret")
    alice_client.post("/teams/new/", {"name": "Other"})
    page = alice_client.get("/a/acme/settings/").content.decode()
    assert 'href="/a/other/"' in page
    assert "Secret" not in page


def test_an_admin_changes_the_settings(alice_client: Client, team: Team) -> None:
    form = SETTINGS | {
        "name": "Acme  Rockets",
        "timezone": "Europe/Berlin",
        "history_days": "90",
        "hotfix_labels": "urgent\n\n urgent \nfire*",
        "bot_logins": "@acme-robot\nmerge-queue[bot]",
    }
    response = alice_client.post("/a/acme/settings/", form, follow=True)
    assert "The settings are saved." in response.content.decode()
    team.refresh_from_db()
    assert (team.name, team.slug, team.timezone) == ("Acme Rockets", "acme", "Europe/Berlin")
    assert team.history_days == 90
    assert team.hotfix_labels == ["urgent", "fire*"]
    assert team.bot_logins == ["acme-robot", "merge-queue[bot]"]
    event = AuditEvent.objects.get(action="team.settings_changed")
    assert set(event.details["changed"]) == {
        "name",
        "timezone",
        "history_days",
        "hotfix_labels",
        "bot_logins",
    }
    assert ("Time zone", "UTC → Europe/Berlin") in event.shown_details
    assert ("Name", "Acme → Acme Rockets") in event.shown_details
    assert ("More bots", "none → acme-robot, merge-queue[bot]") in event.shown_details


def test_saving_without_a_change_is_no_event(alice_client: Client, team: Team) -> None:
    alice_client.post("/a/acme/settings/", SETTINGS)
    assert not AuditEvent.objects.filter(action="team.settings_changed").exists()


@pytest.mark.django_db(transaction=True)
def test_other_apps_hear_what_changed(alice_client: Client, team: Team) -> None:
    heard = []

    def listen(team: Team, changed: set[str], **_: object) -> None:
        heard.append((team.slug, changed))

    team_settings_changed.connect(listen)
    try:
        alice_client.post("/a/acme/settings/", SETTINGS | {"bot_logins": "robot"})
    finally:
        team_settings_changed.disconnect(listen)
    assert heard == [("acme", {"bot_logins"})]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", " ", "required"),
        ("timezone", "Mars/Olympus", "not one of the available choices"),
        ("history_days", "-1", "not one of the available choices"),
        ("hotfix_branches", "*", "would match everything"),
        ("hotfix_labels", "x" * 201, "longer than 200 characters"),
        ("hotfix_titles", "\n".join(map(str, range(51))), "more than 50 lines"),
        ("bot_logins", "not a login", "cannot be the login"),
    ],
)
def test_invalid_settings_are_refused(
    alice_client: Client, team: Team, field: str, value: str, reason: str
) -> None:
    response = alice_client.post("/a/acme/settings/", SETTINGS | {field: value})
    assert response.status_code == 422
    assert reason in response.content.decode()
    before = Team.objects.get()
    assert (before.name, before.bot_logins, before.timezone) == ("Acme", [], "UTC")


def test_a_member_reads_the_settings_but_changes_nothing(bob_client: Client, team: Team) -> None:
    page = bob_client.get("/a/acme/settings/").content.decode()
    assert "Admins of the team can change these." in page
    assert "<textarea" not in page
    response = bob_client.post("/a/acme/settings/", SETTINGS | {"name": "Bob’s"})
    assert response.status_code == 403
    assert Team.objects.get().name == "Acme"
