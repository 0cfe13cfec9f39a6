"""Invites people to a team, by a link or by e-mail, and accepts invitations."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.teams.changes import lock_team
from apps.teams.models import Invitation, Membership, Team
from apps.users import proof
from apps.users.models import User
from apps.users.sign_up import invitation_asked

LIFETIME = timedelta(days=7)
_OPENED = "invitation_opened"


class ClosedInvitationError(Exception):
    """The invitation can no longer be accepted."""


def invite(team: Team, by: User, role: str, email: str = "") -> tuple[Invitation, str]:
    """Creates a link for anyone who has it, or one for `email` alone, sent by mail.

    The link cannot be shown again. Older invitations for that address close: the newest counts.
    """
    key = secrets.token_urlsafe(32)
    url = f"{settings.PUBLIC_URL}{reverse('invitation_link', kwargs={'key': key})}"
    with transaction.atomic():
        if email:
            lock_team(team.pk)  # serialises concurrent invitations
            _close(team.pk, email)
        invitation = Invitation.objects.create(
            team=team,
            invited_by=by,
            role=role,
            email=email,
            key_hash=hash_of(key),
            expires_at=timezone.now() + LIFETIME,
        )
        if email:
            _send(invitation, url)  # stored in this transaction, sent after it
    return invitation, url


def hash_of(key: str) -> str:
    """The hash of a link's key, as it is stored."""
    # No salt and no slow hash: the key is 256 random bits and cannot be guessed.
    return hashlib.sha256(key.encode()).hexdigest()


def keep_in_browser(request: HttpRequest, key: str) -> None:
    """Records in the session that this browser opened an invitation's link.

    A made-up link is not recorded: each would add a row to the table of sessions.
    """
    named = hash_of(key)
    request.session.pop(_OPENED, None)
    if Invitation.objects.filter(key_hash=named).exists():
        request.session[_OPENED] = named


def opened_by(request: HttpRequest) -> Invitation | None:
    """The invitation whose link this browser opened last."""
    named = Invitation.objects.filter(key_hash=request.session.get(_OPENED, ""))
    return named.select_related("team", "invited_by").first()


@receiver(invitation_asked, dispatch_uid="invitation_asked")
def address_invited(request: HttpRequest, **_: Any) -> str | None:
    """The address of this browser's invitation, empty for any; None without an invitation."""
    invitation = opened_by(request)
    return invitation.email if invitation and invitation.is_open else None


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether `user` may accept: an e-mail invitation needs that address, proven."""
    return not invitation.email or proof.owns(user, invitation.email)


def accept(invitation: Invitation, user: User) -> Membership:
    """Makes `user` a member; a member keeps their role. Raises ClosedInvitationError.

    Other open invitations for the invited address and for the user's own are closed.
    """
    with transaction.atomic():
        lock_team(invitation.team_id)
        # Locked: if two people hold one e-mail invitation, only one gets in.
        current = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if not current.is_open:
            raise ClosedInvitationError(current.closed_reason)
        if not is_for(current, user):
            raise ClosedInvitationError("for another address")
        membership, joined = Membership.objects.get_or_create(
            team_id=current.team_id,
            user=user,
            defaults={"role": current.role, "invitation": current},
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


def _send(invitation: Invitation, url: str) -> None:
    # The mail holds no text of the sender's but their address; the rest is shown behind the link.
    context = {"invitation": invitation, "url": url}
    send_mail(
        "You are invited to a team on tformance",
        render_to_string("teams/email/invitation.txt", context),
        None,
        [invitation.email],
    )
