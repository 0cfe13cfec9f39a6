"""Inviting by link and by e-mail, accepting, and links that no longer work."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.teams import api_keys, invitations
from apps.teams.membership import create_team
from apps.teams.models import Invitation, Membership, Team
from apps.users.models import User
from conftest import PASSWORD, signed_in

INVITE = "/a/acme/settings/invitations/"


def opened(visitor: Client, link: str) -> Any:
    """The page behind an invitation's link."""
    return visitor.get(link, follow=True)


def accepted(visitor: Client, link: str) -> Any:
    """The answer to opening an invitation's link and accepting it."""
    visitor.get(link)
    return visitor.post("/invitations/")


def invited(client: Client, email: str = "", role: str = "member") -> str:
    """The path of the invitation's link, as the invited person gets it."""
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
    page = " ".join(opened(charlie_client, link).content.decode().split())
    assert "Alice invites you to join. You will be an admin." in page
    response = accepted(charlie_client, link)
    assert response.headers["Location"] == "/a/acme/"
    assert role(charlie) == "admin"
    noted = AuditEvent.objects.filter(action__startswith="invitation.", team=team)
    assert set(noted.values_list("action", "actor_email")) == {
        ("invitation.made", "alice@example.com"),
        ("invitation.accepted", "charlie@example.com"),
    }


def test_only_the_invitation_that_was_shown_is_accepted(
    alice_client: Client, charlie_client: Client, charlie: User, bob: User, team: Team
) -> None:
    """A page elsewhere can open another link in the same browser meanwhile."""
    other = create_team("Elsewhere", bob)
    _, elsewhere = invitations.invite(other, bob, "member")
    page = opened(charlie_client, invited(alice_client)).content.decode()
    [shown] = re.findall(r'name="invitation" value="(\d+)"', page)
    charlie_client.get(elsewhere.removeprefix("http://localhost:8000"))
    refused = charlie_client.post("/invitations/", {"invitation": shown})
    assert refused.status_code == 409
    assert "Join Elsewhere" in refused.content.decode()
    assert not charlie.memberships.exists()


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
    assert mail.outbox[-1].subject == "You are invited to a team on tformance"
    accepted(charlie_client, link)
    assert role(charlie) == "member"
    other = Client()
    response = opened(other, link)
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
    accepted(charlie_client, found[1])
    assert role(charlie) == "member"


@pytest.mark.django_db(transaction=True)
def test_the_newest_invitation_of_an_address_counts(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    first = invited(alice_client, "charlie@example.com")
    other = invited(alice_client, "dana@example.com")
    second = invited(alice_client, "Charlie@example.com", role="admin")
    assert open_invitations(alice_client) == ["Charlie@example.com", "dana@example.com"]
    assert "sent a newer one" in opened(charlie_client, first).content.decode()
    assert accepted(charlie_client, first).status_code == 410
    assert opened(Client(), other).status_code == 200
    assert accepted(charlie_client, second).headers["Location"] == "/a/acme/"
    assert open_invitations(alice_client) == ["dana@example.com"]
    assert "was used" in opened(Client(), second).content.decode()


@pytest.mark.django_db(transaction=True)
def test_joining_closes_other_invitations_of_the_address(
    alice_client: Client, charlie_client: Client, team: Team, alice: User
) -> None:
    elsewhere = create_team("Other", alice)
    _, there = invitations.invite(elsewhere, alice, "member", "charlie@example.com")
    invited(alice_client, "CHARLIE@example.com")
    accepted(charlie_client, invited(alice_client))
    assert open_invitations(alice_client) == []
    assert opened(Client(), there).status_code == 200


def open_invitations(client: Client) -> list[str]:
    """The addresses listed on the page, of invitations by e-mail."""
    page = client.get("/a/acme/settings/members/").content.decode()
    _, _, listed = page.partition("Open invitations")
    return re.findall(r"<strong>([^<]+)</strong>", listed)


@pytest.mark.django_db(transaction=True)
def test_a_newcomer_signs_up_and_joins(alice_client: Client, team: Team) -> None:
    link = invited(alice_client, "dana@example.com")
    newcomer = Client()
    page = opened(newcomer, link).content.decode()
    sign_up = re.search(r'href="(/accounts/signup/[^"]+)"', page)
    assert sign_up
    form = newcomer.get(sign_up.group(1).replace("&amp;", "&")).content.decode()
    assert 'value="dana@example.com"' in form
    sent = {"email": "dana@example.com", "password1": PASSWORD, "next": link}
    sent["next"] = "/invitations/"
    assert newcomer.post("/accounts/signup/", sent).headers["Location"] == "/invitations/"
    page = newcomer.get("/invitations/").content.decode()
    assert "We have sent a link to dana@example.com" in page
    assert "That address is in your account, but not confirmed yet" in page
    assert newcomer.post("/invitations/").status_code == 403
    sent_mail = str(mail.outbox[-1].body)
    confirmed = re.search(r"https?://[^/\s]+(/accounts/confirm-email/\S+)", sent_mail)
    assert confirmed
    form = newcomer.get(confirmed[1]).headers["Location"]
    page = newcomer.post(form, follow=True).content.decode()
    assert "dana@example.com is confirmed." in page
    assert "Join as dana@example.com" in page
    newcomer.post("/invitations/")
    assert role(User.objects.get(email="dana@example.com")) == "member"


def test_a_link_works_for_several_people(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client)
    accepted(charlie_client, link)
    dana = User.objects.create(email="dana@example.com")
    another = Client()
    another.force_login(dana, backend="django.contrib.auth.backends.ModelBackend")
    accepted(another, link)
    assert role(charlie) == role(dana) == "member"


def test_an_expired_link_says_so(alice_client: Client, charlie_client: Client, team: Team) -> None:
    link = invited(alice_client)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "This invitation has expired" in opened(charlie_client, link).content.decode()
    assert accepted(charlie_client, link).status_code == 410
    assert team.memberships.count() == 2


def test_a_link_lives_for_seven_days(alice_client: Client, team: Team) -> None:
    invited(alice_client)
    lifetime = Invitation.objects.get().expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < lifetime <= timedelta(days=7)


def test_a_revoked_link_says_so(alice_client: Client, charlie_client: Client, team: Team) -> None:
    link = invited(alice_client)
    row = Invitation.objects.get()
    alice_client.post(f"/a/acme/settings/invitations/{row.pk}/revoke/")
    assert "This invitation was revoked" in opened(charlie_client, link).content.decode()
    assert accepted(charlie_client, link).status_code == 410
    assert team.memberships.count() == 2


def test_a_wrong_link_says_so(charlie_client: Client) -> None:
    response = opened(charlie_client, "/invitations/nonsense/")
    assert response.status_code == 404
    assert "There is no such invitation" in response.content.decode()


def test_a_nul_in_a_link_is_left_out(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    link = invited(alice_client)
    assert opened(charlie_client, f"{link[:20]}%00{link[20:]}").status_code == 200


def test_an_admin_who_opens_a_members_link_stays_admin(
    alice_client: Client, alice: User, team: Team
) -> None:
    link = invited(alice_client)
    assert accepted(alice_client, link).headers["Location"] == "/a/acme/"
    assert role(alice) == "admin"


def test_a_member_is_not_invited(alice_client: Client, bob: User, team: Team) -> None:
    response = alice_client.post(INVITE, {"email": "BOB@example.com", "role": "member"})
    assert response.status_code == 422
    assert "is in the team already" in response.content.decode()
    assert not Invitation.objects.exists()


def test_an_unknown_role_is_refused(alice_client: Client, team: Team) -> None:
    assert alice_client.post(INVITE, {"email": "", "role": "owner"}).status_code == 422


def test_signed_out_users_sign_in_before_accepting(alice_client: Client, team: Team) -> None:
    link = invited(alice_client)
    response = accepted(Client(), link)
    assert response.headers["Location"] == "/accounts/login/?next=/invitations/"


def test_another_teams_invitation_is_out_of_reach(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    charlie_client.post("/teams/new/", {"name": "Charlie’s"})
    link = invited(alice_client)
    row = Invitation.objects.get()
    slug = Team.objects.exclude(pk=team.pk).get().slug
    response = charlie_client.post(f"/a/{slug}/settings/invitations/{row.pk}/revoke/")
    assert response.status_code == 404
    assert opened(Client(), link).status_code == 200


# Coming back after leaving, and links that another person should use.


def key_of(team: Team, user: User) -> dict[str, str]:
    _, key = api_keys.make(team, user, "Wallboard")
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("way", ["removed", "left", "by the operator"])
def test_a_removed_member_stays_out(
    way: str, alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client)
    accepted(charlie_client, link)
    bearer = key_of(team, charlie)
    assert Client().get("/api/v1/team", headers=bearer).status_code == 200
    member = team.memberships.get(user=charlie)
    if way == "removed":
        alice_client.post(f"/a/acme/settings/members/{member.pk}/remove/")
    elif way == "left":
        charlie_client.post("/a/acme/settings/leave/")
    else:
        member.delete()
    assert accepted(charlie_client, link).status_code == 410
    assert not Membership.objects.filter(user=charlie).exists()
    team.memberships.create(user=charlie)
    assert Client().get("/api/v1/team", headers=bearer).status_code == 401


def test_a_link_for_another_user_stays_open(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    used, other = invited(alice_client), invited(alice_client)
    accepted(charlie_client, used)
    team.memberships.get(user=charlie).delete()
    assert opened(Client(), used).status_code == 410
    assert opened(Client(), other).status_code == 200


@pytest.mark.parametrize("end", ["removed", "demoted", "closed"])
def test_links_of_a_former_admin_end(
    end: str, alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    accepted(charlie_client, invited(alice_client, role="admin"))
    link = invited(charlie_client, role="admin")
    member = team.memberships.get(user=charlie)
    if end == "removed":
        alice_client.post(f"/a/acme/settings/members/{member.pk}/remove/")
    elif end == "demoted":
        alice_client.post(f"/a/acme/settings/members/{member.pk}/role/", {"role": "member"})
    else:
        User.objects.filter(pk=charlie.pk).update(is_active=False)
    dana = signed_in(User.objects.create(email="dana@example.com"))
    assert accepted(dana, link).status_code == 410
    assert "This invitation was revoked" in opened(dana, link).content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_invitation_by_e_mail_is_for_that_address_alone(
    alice_client: Client, charlie_client: Client, charlie: User, team: Team
) -> None:
    link = invited(alice_client, "dana@example.com", role="admin")
    assert accepted(charlie_client, link).status_code == 403
    assert "is for dana@example.com alone" in opened(charlie_client, link).content.decode()
    EmailAddress.objects.create(user=charlie, email="dana@example.com")
    assert accepted(charlie_client, link).status_code == 403
    EmailAddress.objects.update(verified=True)
    assert accepted(charlie_client, link).status_code == 302
    assert role(charlie) == "admin"


def test_the_key_leaves_the_path_and_is_not_kept(
    alice_client: Client, charlie_client: Client, team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    link = invited(alice_client)
    key = link.strip("/").rpartition("/")[2]
    assert charlie_client.get(link).headers["Location"] == "/invitations/"
    assert key not in charlie_client.get("/invitations/").content.decode()
    assert key not in alice_client.get("/a/acme/settings/members/").content.decode()
    forged = Client(enforce_csrf_checks=True)
    forged.get(link)
    assert forged.post("/invitations/").status_code == 403
    assert "Forbidden" in caplog.text
    assert key not in caplog.text
    stolen = Invitation.objects.get().key_hash
    assert opened(Client(), f"/invitations/{stolen}/").status_code == 404


# Mail that other people can trigger.


def invite(client: Client, email: str) -> int:
    return client.post(INVITE, {"email": email, "role": "member"}).status_code


@pytest.mark.django_db(transaction=True)
def test_no_text_of_a_sender_goes_into_mail(alice_client: Client, alice: User, team: Team) -> None:
    Team.objects.update(name="Win at https://evil.example")
    User.objects.filter(pk=alice.pk).update(first_name="Your bank, https://evil.example")
    invite(alice_client, "charlie@example.com")
    [sent] = mail.outbox
    assert "evil" not in f"{sent.subject} {sent.body}"
    assert "alice@example.com invites you" in str(sent.body)


@pytest.mark.django_db(transaction=True)
def test_invitations_to_one_address_are_limited(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    charlie_client.post("/teams/new/", {"name": "Beta"})
    for _ in range(3):
        invite(alice_client, "dana@example.com")
        charlie_client.post(
            "/a/beta/settings/invitations/", {"email": "Dana@example.com", "role": "member"}
        )
    assert len(mail.outbox) == 5
    refused = alice_client.post(INVITE, {"email": "dana@example.com", "role": "member"})
    assert refused.status_code == 422
    assert "Too many invitations were sent" in refused.content.decode()
    assert len(mail.outbox) == 5


@pytest.mark.django_db(transaction=True)
def test_a_sender_is_limited(alice_client: Client, team: Team) -> None:
    answers = [invite(alice_client, f"p{number}@example.com") for number in range(52)]
    assert answers == [302] * 50 + [422] * 2
    assert len(mail.outbox) == 50


@pytest.mark.django_db(transaction=True)
def test_an_unproven_account_invites_nobody(alice_client: Client, alice: User, team: Team) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True)
    for email in ("", "dana@example.com"):
        refused = alice_client.post(INVITE, {"email": email, "role": "member"})
        assert "Confirm your e-mail address first" in refused.content.decode()
    assert not Invitation.objects.exists()
    assert not mail.outbox
