"""Second factors: authenticator codes, recovery codes and passkeys, by allauth, kept encrypted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as base_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn import forms as webauthn_forms
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from apps.encryption import EncryptionKeyError, decrypt, encrypt
from apps.users.models import User

MOST_OF_A_PASSKEY, MOST_PASSKEYS = 16_000, 20
WRONG_CODE = "This code is not right. Codes change every 30 seconds, and each works once."


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts the secrets of second factors, and sets our wording."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "unverified_email": (
            "Confirm your e-mail address first, so that nobody can lock you out of an account "
            "made with it."
        ),
        "add_email_blocked": (
            "Remove your second factors first; then you can add an address and set them up again."
        ),
        "cannot_generate_recovery_codes": "Set up an app or a passkey first.",
    }

    def encrypt(self, text: str) -> str:
        """Encrypts with the keys that protect GitHub's tokens too."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises EncryptionKeyError."""
        return decrypt(encrypted_text)

    def generate_authenticator_name(self, user: User, kind: Any = "webauthn", **_: Any) -> str:
        """A default name, until the user chooses one."""
        count = Authenticator.objects.filter(user_id=user.pk, type=kind).count()
        return f"Passkey {count + 1}" if count else "Passkey"


class ActivateTOTPForm(totp_forms.ActivateTOTPForm):  # type: ignore[misc]
    """Sets up an authenticator app. Until then its secret waits encrypted in the session."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        session = context.request.session
        if waiting := session.pop(SECRET_SESSION_KEY, ""):
            try:
                session[SECRET_SESSION_KEY] = decrypt(waiting)
            except EncryptionKeyError:
                session.modified = True
        super().__init__(*arguments, **named)
        session[SECRET_SESSION_KEY] = encrypt(self.secret)
        _plain_code(self.fields["code"], "Code that the app shows")

    def clean_code(self) -> Any:
        code = super().clean_code()
        _note_use(Authenticator.Type.TOTP)
        return code


class AuthenticateForm(base_forms.AuthenticateForm):  # type: ignore[misc]
    """Signs in with a code."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        _plain_code(self.fields["code"], "Code")


class ReauthenticateForm(base_forms.ReauthenticateForm):  # type: ignore[misc]
    """Confirms the user's identity by a code."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        _plain_code(self.fields["code"], "Code")


def _refusal() -> ValidationError:
    return ValidationError("The passkey could not be used. Try again.")


def _only_from_a_device(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuses malformed credentials, over which the library stumbles, with our own message."""

    def checked(form: Any) -> Any:
        try:
            return check(form)
        except ValidationError as error:
            raise (_refusal() if error.code == "incorrect_code" else error) from None
        except (TypeError, KeyError, AttributeError, ValueError):
            raise _refusal() from None

    return checked


class AddPasskeyForm(webauthn_forms.AddWebAuthnForm):  # type: ignore[misc]
    """Adds a passkey."""

    name = forms.CharField(label="Name", max_length=100, required=False)
    passwordless = forms.BooleanField(
        label="Sign in with this passkey alone, without the password",
        help_text="The device then asks for a PIN, a finger or a face.",
        required=False,
        initial=True,
    )

    def clean_credential(self) -> Any:
        """The credential is stored as sent; PostgreSQL cannot store a NUL."""
        credential = self.cleaned_data["credential"]
        text = json.dumps(credential)
        if "\\u0000" in text or len(text) > MOST_OF_A_PASSKEY:
            raise _refusal()
        mine = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.WEBAUTHN)
        if mine.count() >= MOST_PASSKEYS:
            raise ValidationError(f"Remove one first: {MOST_PASSKEYS} passkeys are enough.")
        return credential

    @_only_from_a_device
    def clean(self) -> Any:
        cleaned = super().clean()
        if not self.errors:
            _note_use(Authenticator.Type.WEBAUTHN)
        return cleaned


class RenamePasskeyForm(webauthn_forms.EditWebAuthnForm):  # type: ignore[misc]
    """Renames a passkey."""

    name = forms.CharField(label="Name", max_length=100)


class AuthenticatePasskeyForm(webauthn_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Signs in with a passkey after the password."""

    clean_credential = _only_from_a_device(webauthn_forms.AuthenticateWebAuthnForm.clean_credential)


class LoginPasskeyForm(webauthn_forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Signs in with a passkey alone."""

    clean_credential = AuthenticatePasskeyForm.clean_credential


class ReauthenticatePasskeyForm(webauthn_forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Confirms the user's identity by a passkey."""

    clean_credential = AuthenticatePasskeyForm.clean_credential


def has_second_factor(user: User) -> bool:
    """Whether the user needs more than a password to sign in."""
    types = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return bool(is_mfa_enabled(user, types))


def was_used(request: HttpRequest) -> bool:
    """Whether this very session has proven a second factor."""
    records = get_authentication_records(request, cast(User, request.user))
    return any(record.get("method") == "mfa" for record in records)


def is_due(request: HttpRequest) -> bool:
    """Whether the user has a second factor that this session has not proven."""
    return not was_used(request) and has_second_factor(cast(User, request.user))


def has_proven(request: HttpRequest) -> bool:
    """Whether the user has a second factor, and this session has proven it."""
    return was_used(request) and has_second_factor(cast(User, request.user))


def _note_use(kind: str) -> None:
    """Setting up a factor proves it too."""
    record_authentication(context.request, context.request.user, "mfa", type=kind)


def encrypt_anew() -> int:
    """Encrypts all second factors again with the first key; returns how many there were."""
    pks = Authenticator.objects.order_by("pk").values_list("pk", flat=True)
    return sum(_encrypt_one_anew(pk) for pk in pks)


@transaction.atomic
def _encrypt_one_anew(pk: int) -> bool:
    # Locked, so that a recovery code used meanwhile stays used.
    row = Authenticator.objects.select_for_update().filter(pk=pk).first()
    secrets = {name for name in ("secret", "seed") if row and name in row.data}
    if row is not None and secrets:
        row.data.update({name: encrypt(decrypt(row.data[name])) for name in secrets})
        row.save(update_fields=["data"])
    return bool(secrets)


def _plain_code(field: Any, label: str) -> None:
    field.label = label
    field.widget.attrs = {
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "autofocus": True,
        "spellcheck": "false",
    }
