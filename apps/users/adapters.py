"""How allauth signs people in here."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.http import Http404, HttpRequest

CONFIRMATIONS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Passwords and e-mail addresses."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is wrong.",
        "email_taken": "There is an account with this e-mail address already. Sign in instead.",
        "too_many_login_attempts": "Too many attempts. Wait a few minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
    }

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` may be followed; what cannot even be read may not."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Ways to confirm that it is the user, in our words."""
        methods = super().get_reauthentication_methods(user)
        return [{**each, "description": CONFIRMATIONS[each["id"]]} for each in methods]


class GitHubSignInAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Signing in with GitHub, which is apart from connecting an organisation."""

    def get_provider(self, request: HttpRequest, provider: str, client_id: Any = None) -> Any:
        """Raises Http404 where no OAuth app is set up."""
        try:
            return super().get_provider(request, provider, client_id)
        except SocialApp.DoesNotExist:
            raise Http404("Signing in with GitHub is not set up here.") from None

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Keeps a name whole: not everyone has a first and a last one."""
        user = super().populate_user(request, sociallogin, data)
        user.first_name, user.last_name = (data.get("name") or "")[:150], ""
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Forgets the token: who needs to fill in a form first would carry it in the session."""
        sociallogin.token = None
