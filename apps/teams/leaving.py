"""What ends for good when a member leaves a team or is removed, or an admin becomes a member."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from apps.teams.models import ApiKey, Invitation, Membership
from apps.users.models import User


@receiver(post_delete, sender=Membership, dispatch_uid="leaving")
def _end_all(instance: Membership, **_: Any) -> None:
    """Ends keys, and invitations that the member made, used or was sent: none lets them back in."""
    mine = {"team": instance.team_id, "user": instance.user_id}
    ApiKey.objects.filter(**mine, revoked_at=None).update(revoked_at=timezone.now())
    made_or_used = (
        Q(invited_by=instance.user_id)
        | Q(accepted_by=instance.user_id)
        | Q(pk=instance.invitation_id)
    )
    _end_invitations(instance, made_or_used | _sent_to(instance.user_id))


@receiver(post_save, sender=Membership, dispatch_uid="no_longer_admin")
def _end_invitations_of_a_member(
    instance: Membership, update_fields: Collection[str] | None, **_: Any
) -> None:
    """Ends those made as an admin, wherever the role changed: it may be given back."""
    if not instance.is_admin and (update_fields is None or "role" in update_fields):
        _end_invitations(instance, Q(invited_by=instance.user_id))


def _end_invitations(membership: Membership, which: Q) -> None:
    """Closes the team's open invitations that match."""
    open_ones = Invitation.objects.filter(which, team=membership.team_id, revoked_at=None)
    open_ones.update(revoked_at=timezone.now())


def _sent_to(user_id: int) -> Q:
    found = Q()
    for model, whose in ((User, {"pk": user_id}), (EmailAddress, {"user": user_id})):
        for email in model._default_manager.filter(**whose).values_list("email", flat=True):
            found |= Q(email__iexact=email)
    return found
