"""Inviting people to a team, by a link or by e-mail, and accepting."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.teams.changes import hold
from apps.teams.models import Invitation, Membership, Team
from apps.users.models import User

LIFETIME = timedelta(days=7)


class ClosedInvitationError(Exception):
    """The invitation can no longer be accepted."""


def invite(team: Team, by: User, role: str, email: str = "") -> Invitation:
    """A link for anyone who has it, or one for `email` alone, which is sent there.

    What was open for that address is closed: the newest link counts.
    """
    with transaction.atomic():
        if email:
            hold(team.pk)  # Twice at once: one after the other.
            _close(team.pk, email)
        invitation = Invitation.objects.create(
            team=team, invited_by=by, role=role, email=email, expires_at=timezone.now() + LIFETIME
        )
        if email:
            transaction.on_commit(lambda: _send(invitation))
    return invitation


def address(invitation: Invitation) -> str:
    """Where the invitation is accepted."""
    return f"{settings.PUBLIC_URL}{reverse('invitation', kwargs={'key': invitation.key})}"


def accept(invitation: Invitation, user: User) -> Membership:
    """Lets `user` in; who is a member already keeps their role. Raises ClosedInvitationError.

    Nothing stays open for the address that was invited, nor for the user's own.
    """
    with transaction.atomic():
        hold(invitation.team_id)
        # Locked: of two people with one e-mail invitation, one gets in.
        current = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if not current.is_open:
            raise ClosedInvitationError(current.closed_reason)
        membership, joined = Membership.objects.get_or_create(
            team_id=current.team_id, user=user, defaults={"role": current.role}
        )
        if joined:
            current.accepted_at, current.accepted_by = timezone.now(), user
            current.save(update_fields=["accepted_at", "accepted_by", "modified_at"])
            for email in filter(None, (current.email, user.email)):
                _close(current.team_id, email)
    return membership


def revoke(invitation: Invitation) -> None:
    """Closes the invitation's link."""
    open_ones = Invitation.objects.filter(pk=invitation.pk, revoked_at=None)
    open_ones.update(revoked_at=timezone.now())


def _close(team_id: int, email: str) -> None:
    now = timezone.now()
    Invitation.objects.filter(
        team_id=team_id,
        email__iexact=email,
        accepted_at=None,
        revoked_at=None,
        expires_at__gt=now,
    ).update(revoked_at=now)


def _send(invitation: Invitation) -> None:
    context = {"invitation": invitation, "url": address(invitation)}
    send_mail(
        f"Join {invitation.team.name} on tformance",
        render_to_string("teams/email/invitation.txt", context),
        None,
        [invitation.email],
    )
