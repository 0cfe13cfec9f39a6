"""allauth's forms in our words: labels are enough, so there are no placeholders."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account_forms
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.socialaccount import forms as social_forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.users import company_sign_in, proof, sign_up

STRENGTH = "At least 8 characters, not a common password and not like your address."
LABELS = {
    "login": "E-mail address",
    "email": "E-mail address",
    "oldpassword": "Present password",
    "password2": "New password, once more",
}


class _Plain:
    fields: dict[str, Any]
    labels: dict[str, str] = {"password1": "New password"}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.help_text = STRENGTH if name == "password1" else field.help_text
            field.label = {**LABELS, **self.labels}.get(name, field.label)


class LoginForm(_Plain, account_forms.LoginForm):  # type: ignore[misc]
    """Signs in."""


class SignupForm(_Plain, account_forms.SignupForm):  # type: ignore[misc]
    """Creates an account."""

    labels = {"password1": "Password"}

    def clean_email(self) -> str:
        """Adding an address without confirming it does not block its owner from signing up."""
        _hold_to_the_rule(self.cleaned_data["email"])
        named = EmailAddress.objects.filter(email__iexact=self.cleaned_data["email"])
        named.filter(verified=False, primary=False).delete()
        return str(super().clean_email())

    def try_save(self, request: HttpRequest) -> Any:
        """Takes equally long if the address has an account, so that timing reveals nothing."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class SocialSignupForm(_Plain, social_forms.SignupForm):  # type: ignore[misc]
    """Asks for the address if the provider sent none or it is taken."""

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        if company_sign_in.may_enter(self.sociallogin):
            return str(super().clean_email())
        addresses = self.sociallogin.email_addresses
        is_verified = any(
            each.verified and each.email.lower() == email.lower() for each in addresses
        )
        _hold_to_the_rule(email, is_verified=is_verified)
        return str(super().clean_email())


def _hold_to_the_rule(email: str, *, is_verified: bool = False) -> None:
    if refusal := sign_up.refusal(context.request, email, is_verified=is_verified):
        raise ValidationError(refusal)


class AddEmailForm(_Plain, account_forms.AddEmailForm):  # type: ignore[misc]
    """Adds an address to an account whose own is confirmed."""

    def clean_email(self) -> str:
        if not proof.may_add(self.user):
            raise ValidationError(proof.FIRST)
        return str(super().clean_email())


class ChangePasswordForm(_Plain, account_forms.ChangePasswordForm):  # type: ignore[misc]
    """Changes the password."""


class SetPasswordForm(_Plain, account_forms.SetPasswordForm):  # type: ignore[misc]
    """Sets a password for an account made with GitHub."""


class ResetPasswordForm(_Plain, account_forms.ResetPasswordForm):  # type: ignore[misc]
    """Asks for a link to choose a new password."""


class ResetPasswordKeyForm(_Plain, account_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """Chooses a new password."""


class ReauthenticateForm(_Plain, account_forms.ReauthenticateForm):  # type: ignore[misc]
    """Asks for the password again."""
