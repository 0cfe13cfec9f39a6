"""allauth's forms in our words: labels say it all, so nothing is repeated inside the fields."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account_forms

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
    """Makes an account."""

    labels = {"password1": "Password"}


class AddEmailForm(_Plain, account_forms.AddEmailForm):  # type: ignore[misc]
    """Adds an address."""


class ChangePasswordForm(_Plain, account_forms.ChangePasswordForm):  # type: ignore[misc]
    """Changes the password."""


class SetPasswordForm(_Plain, account_forms.SetPasswordForm):  # type: ignore[misc]
    """Gives a password to an account made with GitHub."""


class ResetPasswordForm(_Plain, account_forms.ResetPasswordForm):  # type: ignore[misc]
    """Asks for a link to choose a new password."""


class ResetPasswordKeyForm(_Plain, account_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """Chooses a new password."""


class ReauthenticateForm(_Plain, account_forms.ReauthenticateForm):  # type: ignore[misc]
    """Asks for the password once more."""
