"""The link in every page's menu to the signed-in user's own page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, CharField, OuterRef, Subquery
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest
from django.urls import reverse

from apps.metrics.models import SamePerson, TeamMember
from apps.teams.models import Team
from apps.users.github_accounts import signed_in_with
from apps.users.models import User


@dataclass(frozen=True)
class OwnPage:
    """The user's own page, or what to do first."""

    address: str
    label: str


def own_page(request: HttpRequest) -> dict[str, Any]:
    """Adds `own_page`: None outside of a team, and for users who are not among its people."""
    return {"own_page": lambda: _own_page(request)}


def _own_page(request: HttpRequest) -> OwnPage | None:
    team: Team | None = getattr(request, "team", None)
    if team is None or not isinstance(request.user, User):
        return None
    found = list(_accounts(team, request.user))
    for account in found:
        if account is not None:
            return OwnPage(reverse("person_page", args=[team.slug, account]), "Your work")
    return _sign_in() if settings.GITHUB_CLIENT_ID and not found else None


def _sign_in() -> OwnPage:
    address = reverse("socialaccount_connections")
    return OwnPage(address, "Sign in with GitHub once, for your work")


def _accounts(team: Team, user: User) -> Any:
    """For each account that they sign in with, the person's main one here; null: no member."""
    text = Cast("github_id", CharField())
    members = TeamMember.objects.for_team(team).annotate(uid=text).filter(uid=OuterRef("uid"))
    merged = SamePerson.objects.for_team(team).filter(is_same=True).annotate(uid=text)
    main = merged.filter(uid=OuterRef("uid")).values("member__github_id")[:1]
    own = Subquery(members.values("github_id")[:1], output_field=BigIntegerField())
    found = Coalesce(Subquery(main, output_field=BigIntegerField()), own)
    return signed_in_with(user).order_by("pk").values_list(found, flat=True)
