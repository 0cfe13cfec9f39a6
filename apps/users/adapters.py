"""How allauth signs people in here."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.signup import send_unknown_account_mail
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.users import company_sign_in, proof, second_factors, sign_up
from apps.users.mail import may_send
from apps.users.models import User

MOST_OF_A_PATH = 2_000
# Mail that anybody can trigger for any address; all other kinds inform account owners.
BY_OTHERS = {
    "account_already_exists",
    "email_confirmation",
    "email_confirmation_signup",
    "password_reset_key",
    "unknown_account",
}
CONFIRMATIONS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Rules for passwords and e-mail addresses."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is wrong.",
        "email_taken": "There is an account with this e-mail address already. Sign in instead.",
        "too_many_login_attempts": "Too many attempts. Wait a few minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this browser may create an account with a password."""
        return sign_up.is_open(request)

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` may be followed: only our own paths; another port is another site."""
        return len(url or "") < MOST_OF_A_PATH and url_has_allowed_host_and_scheme(url, None)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """The address's invitation if this browser holds it."""
        if sign_up.is_invited(self.request, email_address.email):
            return reverse("invitation")
        return str(super().get_email_verification_redirect_url(email_address))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Sends it, unless the address has received too many of that kind already."""
        kind = template_prefix.rpartition("/")[2]
        if kind == "unknown_account":
            context = {**context, "is_open": sign_up.is_open(self.request)}
        if kind not in BY_OTHERS or may_send(self.request, kind, email):
            super().send_mail(template_prefix, email, context)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Sends the link only to the account's own address or a confirmed one."""
        if proof.may_reset(user, email):
            super().send_password_reset_mail(user, email, context)
        else:
            send_unknown_account_mail(self.request, email)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Ways to confirm the user's identity, in our words.

        The password alone is not enough in a session from before a second factor was set up.
        """
        methods = super().get_reauthentication_methods(user)
        if second_factors.is_due(self.request):
            methods = [each for each in methods if each["id"] != "reauthenticate"]
        return [{**each, "description": CONFIRMATIONS[each["id"]]} for each in methods]


class ElsewhereSignInAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Sign-in with GitHub (apart from connecting an organisation) or with OpenID Connect."""

    def get_provider(self, request: HttpRequest, provider: str, client_id: Any = None) -> Any:
        """The provider. Raises Http404 if it is not set up."""
        try:
            return super().get_provider(request, provider, client_id)
        except SocialApp.DoesNotExist:
            raise Http404("Signing in like that is not set up here.") from None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whether a user whom the provider let in gets an account."""
        return company_sign_in.may_enter(sociallogin) or sign_up.may_sign_up_with(
            request, sociallogin
        )

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Keeps a name whole: not everyone has a first and a last name."""
        user = super().populate_user(request, sociallogin, data)
        user.first_name, user.last_name = " ".join((data.get("name") or "").split())[:150], ""
        sign_up.choose(request, sociallogin)
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Drops the token, which a user who fills in a form would carry in the session.

        An account with an unproven address gets no other sign-in method.
        """
        sociallogin.token = None
        if company_sign_in.is_by_it(sociallogin):
            company_sign_in.admit(request, sociallogin)
        user: Any = request.user
        if user.is_authenticated and not sociallogin.is_existing and not proof.may_add(user):
            messages.error(request, proof.FIRST)
            raise ImmediateHttpResponse(redirect("socialaccount_connections"))
