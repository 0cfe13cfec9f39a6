"""Signals that tell other apps about changes of a team."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.db.models import F
from django.dispatch import Signal, receiver
from django.utils import timezone

from apps.teams.models import ApiKey, Invitation, Team
from apps.users.models import User
from apps.users.proof import address_proven

# Sent after commit with `team` and `changed` (a set of field names): the wanted history may have
# changed, or what a figure counts (then `recalculate_from` is set).
team_settings_changed = Signal()


def lock_team(team_id: int) -> None:
    """Locks a team before its rows, where `figures_changed` comes later in a transaction.

    Every transaction locks in this order; otherwise two of them could deadlock.
    """
    list(Team.objects.select_for_update(no_key=True).filter(pk=team_id).values_list("pk"))


def figures_changed(team_id: int) -> None:
    """Records that something figures depend on changes; call it first in the same transaction."""
    Team.objects.filter(pk=team_id).update(revision=F("revision") + 1)


@receiver(address_proven, dispatch_uid="keys_of_the_proven")
def _end_what_was_made_before(user: User, **_: Any) -> None:
    """Ends keys and invitations that an account made before its address was proven."""
    now = timezone.now()
    ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
    Invitation.objects.filter(invited_by=user, revoked_at=None).update(revoked_at=now)


@receiver([social_account_added, social_account_removed], dispatch_uid="who_is_who")
def _shown_first_changes(request: Any, **_: Any) -> None:
    """A user's page shows their own account first; which one that is has changed."""
    Team.objects.filter(members=request.user.pk).update(revision=F("revision") + 1)
