"""Inviting by link and by e-mail, accepting, and links that no longer work."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.teams.models import Invitation, Membership, Team
from apps.users.models import User
from conftest import PASSWORD

INVITE = "/a/acme/settings/invitations/"


def invited(client: Client, email: str = "", role: str = "member") -> str:
    """The path of the invitation's link, as a person gets it."""
    client.post(INVITE, {"email": email, "role": role})
    if email:
        text = str(mail.outbox[-1].body)
    else:
        text = client.get("/a/acme/settings/members/").content.decode()
    found = re.findall(r"https?://[^/\s]+(/invitations/[\w-]+/)", text)
    return str(found[0])


def role(user: User) -> str:
    return Membership.objects.get(user=user).role


def test_it_works(alice_client: Client, charlie_client: Client, charlie: User, team: Team) -> None:
    link = invited(alice_client, role="admin")
    page = " ".join(charlie_client.get(link).content.decode().split())
    assert "Alice invites you to join. You will be an admin." in page
    response = charlie_client.post(link)
    assert response.headers["Location"] == "/a/acme/"
    assert role(charlie) == "admin"
    noted = AuditEvent.objects.filter(action__startswith="invitation.", team=team)
    assert set(noted.values_list("action", "actor_email")) == {
        ("invitation.made", "alice@example.com"),
        ("invitation.accepted", "charlie@example.com"),
    }


def test_opening_a_link_does_not_accept_it(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    charlie_client.get(invited(alice_client))
    assert not Membership.objects.filter(user=charlie).exists()


@pytest.mark.django_db(transaction=True)
def test_an_invitation_by_e_mail_works_once(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client, "charlie@example.com")
    assert mail.outbox[-1].to == ["charlie@example.com"]
    assert mail.outbox[-1].subject == "Join Acme on tformance"
    charlie_client.post(link)
    assert role(charlie) == "member"
    other = Client()
    response = other.get(link)
    assert response.status_code == 410
    assert "This invitation was used" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_link_of_an_e_mail_is_not_shown_to_admins(alice_client: Client, team: Team) -> None:
    link = invited(alice_client, "charlie@example.com")
    page = alice_client.get("/a/acme/settings/members/").content.decode()
    assert "charlie@example.com" in page
    assert link not in page


@pytest.mark.django_db(transaction=True)
def test_where_no_mail_is_sent_the_link_is_shown(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    sent = {"email": "charlie@example.com", "role": "member"}
    page = alice_client.post(INVITE, sent, follow=True).content.decode()
    assert "An invitation was sent" not in page
    assert "sends no mail yet: pass the link on to charlie@example.com yourself" in page
    found = re.search(r'value="https?://[^/]+(/invitations/[^"]+)"', page)
    assert found
    charlie_client.post(found[1])
    assert role(charlie) == "member"


@pytest.mark.django_db(transaction=True)
def test_the_newest_invitation_of_an_address_counts(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    first = invited(alice_client, "charlie@example.com")
    other = invited(alice_client, "dana@example.com")
    second = invited(alice_client, "Charlie@example.com", role="admin")
    assert open_invitations(alice_client) == ["Charlie@example.com", "dana@example.com"]
    assert "sent a newer one" in charlie_client.get(first).content.decode()
    assert charlie_client.post(first).status_code == 410
    assert Client().get(other).status_code == 200
    assert charlie_client.post(second).headers["Location"] == "/a/acme/"
    assert open_invitations(alice_client) == ["dana@example.com"]
    assert "was used" in Client().get(second).content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["", "someone@example.com"])
def test_who_joins_leaves_no_invitation_of_their_address_open(
    email: str, alice_client: Client, charlie_client: Client, team: Team
) -> None:
    elsewhere = Team.objects.create(name="Other", slug="other")
    there = Invitation.objects.create(
        team=elsewhere,
        email="charlie@example.com",
        expires_at=timezone.now() + timedelta(days=1),
    )
    invited(alice_client, "CHARLIE@example.com")
    charlie_client.post(invited(alice_client, email))
    assert open_invitations(alice_client) == []
    assert Client().get(f"/invitations/{there.key}/").status_code == 200


def open_invitations(client: Client) -> list[str]:
    """The addresses that the page lists, those without a link."""
    page = client.get("/a/acme/settings/members/").content.decode()
    _, _, listed = page.partition("Open invitations")
    return re.findall(r"<strong>([^<]+)</strong>", listed)


@pytest.mark.django_db(transaction=True)
def test_a_newcomer_signs_up_and_joins(alice_client: Client, team: Team) -> None:
    link = invited(alice_client, "dana@example.com")
    newcomer = Client()
    page = newcomer.get(link).content.decode()
    sign_up = re.search(r'href="(/accounts/signup/[^"]+)"', page)
    assert sign_up
    form = newcomer.get(sign_up.group(1).replace("&amp;", "&")).content.decode()
    assert 'value="dana@example.com"' in form
    sent = {"email": "dana@example.com", "password1": PASSWORD, "next": link}
    assert newcomer.post("/accounts/signup/", sent).headers["Location"] == link
    newcomer.post(link)
    assert role(User.objects.get(email="dana@example.com")) == "member"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_one_e_mail_at_once_one_gets_in(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client, "new@example.com")
    dana = User.objects.create(email="dana@example.com")
    dana_client = Client()
    dana_client.force_login(dana, backend="django.contrib.auth.backends.ModelBackend")
    together = threading.Barrier(2)
    answers = []

    def open_it(client: Client) -> None:
        together.wait()
        answers.append(client.post(link).status_code)
        connection.close()

    threads = [threading.Thread(target=open_it, args=[c]) for c in (charlie_client, dana_client)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 410]
    assert team.memberships.filter(user__in=[charlie, dana]).count() == 1


def test_a_link_works_for_several(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client)
    charlie_client.post(link)
    dana = User.objects.create(email="dana@example.com")
    another = Client()
    another.force_login(dana, backend="django.contrib.auth.backends.ModelBackend")
    another.post(link)
    assert role(charlie) == role(dana) == "member"


def test_an_expired_link_says_so(alice_client: Client, charlie_client: Client, team: Team) -> None:
    link = invited(alice_client)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "This invitation has expired" in charlie_client.get(link).content.decode()
    assert charlie_client.post(link).status_code == 410
    assert team.memberships.count() == 2


def test_a_link_lives_for_seven_days(alice_client: Client, team: Team) -> None:
    invited(alice_client)
    lifetime = Invitation.objects.get().expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < lifetime <= timedelta(days=7)


def test_a_revoked_link_says_so(alice_client: Client, charlie_client: Client, team: Team) -> None:
    link = invited(alice_client)
    row = Invitation.objects.get()
    alice_client.post(f"/a/acme/settings/invitations/{row.pk}/revoke/")
    assert "This invitation was revoked" in charlie_client.get(link).content.decode()
    assert charlie_client.post(link).status_code == 410
    assert team.memberships.count() == 2


def test_a_wrong_link_says_so(charlie_client: Client) -> None:
    response = charlie_client.get("/invitations/nonsense/")
    assert response.status_code == 404
    assert "There is no such invitation" in response.content.decode()


def test_a_nul_in_a_link_is_left_out(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    link = invited(alice_client)
    assert charlie_client.get(f"{link[:20]}%00{link[20:]}").status_code == 200


def test_an_admin_who_opens_a_members_link_stays_admin(
    alice_client: Client, alice: User, team: Team
) -> None:
    link = invited(alice_client)
    assert alice_client.post(link).headers["Location"] == "/a/acme/"
    assert role(alice) == "admin"


def test_who_is_in_the_team_is_not_invited(alice_client: Client, bob: User, team: Team) -> None:
    response = alice_client.post(INVITE, {"email": "BOB@example.com", "role": "member"})
    assert response.status_code == 422
    assert "is in the team already" in response.content.decode()
    assert not Invitation.objects.exists()


def test_a_role_that_is_none_is_refused(alice_client: Client, team: Team) -> None:
    assert alice_client.post(INVITE, {"email": "", "role": "owner"}).status_code == 422


def test_the_signed_out_who_accept_sign_in_first(alice_client: Client, team: Team) -> None:
    link = invited(alice_client)
    response = Client().post(link)
    assert response.headers["Location"] == f"/accounts/login/?next={link}"


def test_another_teams_invitation_is_out_of_reach(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    charlie_client.post("/teams/new/", {"name": "Charlie’s"})
    link = invited(alice_client)
    row = Invitation.objects.get()
    slug = Team.objects.exclude(pk=team.pk).get().slug
    response = charlie_client.post(f"/a/{slug}/settings/invitations/{row.pk}/revoke/")
    assert response.status_code == 404
    assert Client().get(link).status_code == 200
