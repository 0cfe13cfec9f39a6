"""The work of `tformance user` and `tformance team`; each change is in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from apps.audit.record import record
from apps.teams import membership
from apps.teams.models import Membership, Team
from apps.users import sessions
from apps.users.models import User


def users() -> list[dict[str, Any]]:
    """Every account, by address."""
    rows = User.objects.order_by("email").prefetch_related("memberships__team")
    return [
        {
            "email": row.email,
            "name": row.first_name,
            "is_active": row.is_active,
            "is_staff": row.is_staff,
            "last_login": _instant(row.last_login),
            "teams": sorted(each.team.slug for each in row.memberships.all()),
        }
        for row in rows
    ]


def create(email: str, name: str, *, is_staff: bool, password: str | None) -> User:
    """An account whose address counts as confirmed: the operator vouches for it."""
    email = email.lower()
    try:
        validate_email(email)
    except ValidationError:
        raise click.UsageError(f"“{email}” is no e-mail address.") from None
    if User.objects.filter(email__iexact=email).exists():
        raise click.ClickException(f"There is an account {email} already.")
    user = User(email=email, first_name=name[:150], is_staff=is_staff, is_superuser=is_staff)
    _give_password(user, password)
    with transaction.atomic():
        user.save()
        EmailAddress.objects.filter(email__iexact=email, verified=False).delete()
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        record("account.made_by_operator", object_name=email, staff=is_staff)
    return user


def link(user: User) -> str:
    """A link for choosing a new password once, as in the mail for a forgotten one."""
    if not user.is_active:
        raise click.ClickException(f"{user.email} is disabled; enable the account first.")
    key = default_token_generator.make_token(user)
    place = {"uidb36": user_pk_to_url_str(user), "key": key}
    record("account.link_made", object_name=user.email)
    return f"{settings.PUBLIC_URL}{reverse('account_reset_password_from_key', kwargs=place)}"


def set_password(user: User, password: str) -> None:
    """Sets the password and ends every session."""
    _give_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        sessions.end_others(user)
        record("account.password_set_by_operator", object_name=user.email)


def change(user: User, **fields: bool) -> None:
    """Changes a user's rights; a disabled user is signed out everywhere."""
    with transaction.atomic():
        for name, value in fields.items():
            setattr(user, name, value)
        if "is_staff" in fields:
            user.is_superuser = fields["is_staff"]
        user.save(update_fields=["is_active", "is_staff", "is_superuser"])
        if not user.is_active:
            sessions.end_others(user)
        record("account.changed_by_operator", object_name=user.email, **dict[str, Any](fields))


def left_without(user: User) -> list[str]:
    """What lacks an active administrator, now that this user is disabled or no longer staff."""
    left = []
    if not User.objects.filter(is_active=True, is_staff=True).exists():
        left.append("No active account is staff any more.")
    admins = Membership.objects.filter(role=Membership.Role.ADMIN)
    active = admins.filter(user__is_active=True).values("team")
    slugs = admins.filter(user=user, user__is_active=False).exclude(team__in=active)
    left += [
        f"The team {slug} has no active admin."
        for slug in slugs.values_list("team__slug", flat=True)
    ]
    return left


def teams() -> list[dict[str, Any]]:
    """Every team, by slug."""
    rows = Team.objects.filter(deleting_since=None).order_by("slug").prefetch_related("memberships")
    return [
        {
            "team": row.slug,
            "name": row.name,
            "members": len(row.memberships.all()),
            "created_at": _instant(row.created_at),
        }
        for row in rows
    ]


def create_team(name: str, admin: User) -> Team:
    """Creates a team with its admin."""
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise click.UsageError("A team's name has 1 to 100 letters.")
    with transaction.atomic():
        team = membership.create_team(name, admin)
        record("team.created", team_id=team.pk, object_name=name)
    return team


def members(team: Team) -> list[dict[str, Any]]:
    """The team's members, admins first."""
    rows = team.memberships.select_related("user").order_by("role", "user__email")
    return [{"email": row.user.email, "role": row.role} for row in rows]


def add(team: Team, user: User, role: str) -> None:
    """Adds a member, or changes their role."""
    try:
        with transaction.atomic():
            row, is_new = Membership.objects.get_or_create(
                team=team, user=user, defaults={"role": role}
            )
            if is_new:
                record("member.added_by_operator", team_id=team.pk, object_name=user.email)
            elif membership.change_role(row, role):
                record("member.role_changed", team_id=team.pk, object_name=user.email, role=role)
    except membership.LastAdminError as error:
        raise click.ClickException(str(error)) from None


def remove(row: Membership) -> None:
    """Removes a member."""
    try:
        with transaction.atomic():
            membership.remove(row)
            record("member.removed", team_id=row.team_id, object_name=row.user.email)
    except membership.LastAdminError as error:
        raise click.ClickException(str(error)) from None


def _give_password(user: User, password: str | None) -> None:
    if password is not None:
        try:
            validate_password(password, user)
            get_adapter().clean_password(password, user)
        except ValidationError as error:
            raise click.ClickException(" ".join(error.messages)) from None
    user.set_password(password)  # None: no password opens it


def _instant(value: datetime | None) -> str | None:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value else None
