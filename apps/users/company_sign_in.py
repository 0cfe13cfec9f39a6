"""Sign-in with a company's own accounts, by OpenID Connect: who may enter, and who is staff.

Groups are read at every sign-in, so leaving a group takes effect at the next one.
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect

from apps.audit.record import record
from apps.users import sessions
from apps.users.models import User

PROVIDER = "sso"  # part of the callback's URL: /accounts/oidc/sso/login/callback/
NOT_IN_THE_GROUP = (
    "Your account at {company} is not in the group that may enter here. The people who look after "
    "accounts there can change that; sign in again afterwards."
)
_MAY_ENTER = "may_enter"


def is_by_it(sociallogin: Any) -> bool:
    """Whether the login comes from the company's provider."""
    return bool(sociallogin.account.provider == PROVIDER)


def may_enter(sociallogin: Any) -> bool:
    """Whether membership in a group replaces an invitation."""
    return is_by_it(sociallogin) and bool(sociallogin.account.extra_data.get(_MAY_ENTER))


def admit(request: HttpRequest, sociallogin: Any) -> None:
    """Admits members of the one group, and makes those of the other staff.

    Only the name is stored from what the provider sends.
    """
    extra_data = sociallogin.account.extra_data
    claims = {**(extra_data.get("id_token") or {}), **(extra_data.get("userinfo") or {})}
    groups = _groups(claims)
    is_one = not settings.OIDC_GROUP or settings.OIDC_GROUP in groups
    if not is_one or not _is_one_person(extra_data):
        _refuse(request, sociallogin)
    sociallogin.account.extra_data = {
        "login": str(claims.get("preferred_username") or claims.get("email") or "")[:200],
        _MAY_ENTER: bool(settings.OIDC_GROUP),
    }
    if settings.OIDC_STAFF_GROUP:
        _give_rights(request, sociallogin, is_staff=settings.OIDC_STAFF_GROUP in groups)
    if sociallogin.is_existing:
        sociallogin.account.save(update_fields=["extra_data"])


def _groups(claims: dict[str, Any]) -> set[str]:
    """The groups. The claim is a list; some providers send a single group as text."""
    groups = claims.get(settings.OIDC_GROUPS_CLAIM) or []
    return (
        {groups} if isinstance(groups, str) else {each for each in groups if isinstance(each, str)}
    )


def _is_one_person(extra_data: dict[str, Any]) -> bool:
    """Whether both answers are about the same account, as they must be.

    https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
    """
    subjects = {str(part["sub"]) for part in extra_data.values() if part and "sub" in part}
    return len(subjects) == 1


def _refuse(request: HttpRequest, sociallogin: Any) -> None:
    if sociallogin.is_existing:
        sessions.end_others(sociallogin.user)
    messages.error(request, NOT_IN_THE_GROUP.format(company=settings.OIDC_NAME))
    raise ImmediateHttpResponse(redirect("account_login"))


def _give_rights(request: HttpRequest, sociallogin: Any, *, is_staff: bool) -> None:
    user: User = sociallogin.user
    was = user.is_staff
    user.is_staff = user.is_superuser = is_staff
    if sociallogin.is_existing and was != is_staff:
        user.save(update_fields=["is_staff", "is_superuser"])
        record(
            "account.changed_by_provider",
            request=request,
            actor=user,
            object_name=user.email,
            is_staff=is_staff,
        )
