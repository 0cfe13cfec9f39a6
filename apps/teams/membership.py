"""Creates teams and changes memberships: a team never loses its last admin."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from apps.teams.models import Membership, Team
from apps.users.models import User
from apps.users.second_factors import has_second_factor

Role = Membership.Role
DOUBLE_CLICK = timedelta(seconds=10)


class LastAdminError(Exception):
    """The team would have no admin left."""

    def __init__(self) -> None:
        super().__init__("A team needs an admin. Make another member an admin first.")


def create_team(name: str, admin: User) -> Team:
    """A new team with `admin` as its admin, under a slug of its own."""
    slug = slugify(name)[:60].strip("-")
    while True:
        try:
            # Only the unique index can say whether a slug is free: checking first would be a race.
            with transaction.atomic():
                team = Team.objects.create(name=name, slug=slug or _random_slug("team"))
                Membership.objects.create(team=team, user=admin, role=Role.ADMIN)
                return team
        except IntegrityError:
            slug = _random_slug(slugify(name)[:60].strip("-") or "team")


def just_made(name: str, admin: User) -> Team | None:
    """The team of that name that `admin` created seconds ago, as by a double click."""
    return Team.objects.filter(
        name=name,
        created_at__gt=timezone.now() - DOUBLE_CLICK,
        deleting_since=None,
        memberships__user=admin,
        memberships__role=Role.ADMIN,
    ).first()


def may_open(team: Team, user: User) -> bool:
    """Whether a user may receive a team's figures: the same rule as for opening its pages."""
    if team.deleting_since or not Membership.objects.filter(team=team, user=user).exists():
        return False
    return not team.require_second_factor or has_second_factor(user)


def change_role(membership: Membership, role: str) -> bool:
    """Gives a member another role; false if they have it already. Raises LastAdminError."""
    with transaction.atomic():
        current = _locked(membership)
        if current is None or current.role == role:
            return False
        _keep_an_admin(current)
        current.role = role
        current.save(update_fields=["role"])
        return True


def remove(membership: Membership) -> None:
    """Removes a member from the team. Raises LastAdminError."""
    with transaction.atomic():
        if current := _locked(membership):
            _keep_an_admin(current)
            current.delete()


def _locked(membership: Membership) -> Membership | None:
    # The team's row is the lock: two admins who demote each other run one after the other.
    Team.objects.select_for_update().get(pk=membership.team_id)
    return Membership.objects.filter(pk=membership.pk).first()


def _keep_an_admin(leaving: Membership) -> None:
    others = Membership.objects.filter(team_id=leaving.team_id, role=Role.ADMIN)
    if leaving.is_admin and not others.exclude(pk=leaving.pk).exists():
        raise LastAdminError


def _random_slug(start: str) -> str:
    return f"{start}-{secrets.token_hex(4)}"
