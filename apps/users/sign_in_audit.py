"""Records sign-up, sign-in, sign-out and password changes in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.signals import (
    email_added,
    email_changed,
    email_removed,
    password_changed,
    password_reset,
    password_set,
    user_signed_up,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import Signal
from django.http import HttpRequest

from apps.audit.record import record
from apps.users.models import User

ACTIONS: dict[str, Signal] = {
    "account.signed_up": user_signed_up,
    "account.signed_in": user_logged_in,
    "account.signed_out": user_logged_out,
    "account.password_changed": password_changed,
    "account.password_set": password_set,
    "account.password_reset": password_reset,
    "account.email_added": email_added,
    "account.email_changed": email_changed,
    "account.email_removed": email_removed,
}

FACTORS: dict[str, Signal] = {
    "account.factor_added": authenticator_added,
    "account.factor_removed": authenticator_removed,
    "account.factor_used": authenticator_used,
    "account.factor_refused": authentication_failed,
    "account.recovery_codes_made": authenticator_reset,
}
KINDS = {
    Authenticator.Type.TOTP: "app",
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}


def connect() -> None:
    """Connects the signal handlers."""
    for action, signal in ACTIONS.items():
        signal.connect(_recorder(action), dispatch_uid=action, weak=False)
    for action, signal in FACTORS.items():
        signal.connect(_note_factor(action), dispatch_uid=action, weak=False)
    user_login_failed.connect(_refused, dispatch_uid="account.sign_in_failed")
    social_account_added.connect(_github_added, dispatch_uid="github_added")
    social_account_removed.connect(_github_removed, dispatch_uid="github_removed")


def _recorder(action: str) -> Any:
    def receiver(*, user: User | None, request: HttpRequest | None = None, **_: Any) -> None:
        if user is not None:
            record(action, request=request, actor=user, object_name=user.email)

    return receiver


def _refused(
    *, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Records a failed sign-in with the account it was for; unknown addresses are not recorded."""
    said = str(credentials.get("email") or credentials.get("username") or "")
    user = User.objects.filter(email__iexact=said).first() if said else None
    if user is not None:
        record("account.sign_in_refused", request=request, actor=user, object_name=user.email)


def _note_factor(action: str) -> Any:
    def receiver(
        *, user: User, request: HttpRequest, authenticator: Authenticator, **_: Any
    ) -> None:
        kind = KINDS[authenticator.type]
        record(action, request=request, actor=user, object_name=user.email, kind=kind)

    return receiver


def _github_added(*, request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    account = sociallogin.account
    record("account.github_added", request=request, actor=sociallogin.user, github_id=account.uid)


def _github_removed(*, request: HttpRequest, socialaccount: Any, **_: Any) -> None:
    record("account.github_removed", request=request, github_id=socialaccount.uid)
