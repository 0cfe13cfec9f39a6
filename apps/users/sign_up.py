"""Who may create an account: everybody, invited people, or people with a company's address.

Every way of allauth checks here: the form, its JSON API, GitHub, OpenID Connect. Without a rule in
SIGN_UP the first account is created on the machine itself, and every later one by invitation.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.dispatch import Signal
from django.http import HttpRequest

from apps.users.mail import sends_mail
from apps.users.models import Installation, User

OPEN, INVITED, DOMAINS = "open", "invited", "domains"
LOCAL = ("localhost", "127.0.0.1", "::1")
NOT_INVITED = "The invitation is for another address. Sign up with the one that it was sent to."
NOT_OURS = "Accounts are for addresses at {domains}, or by invitation."

# Sent with `request`: the app that has invitations returns the address of the open invitation in
# this browser, empty if it is for anybody, None without one.
invitation_asked = Signal()


def rule() -> str:
    """`open`, `invited` or `domains`: from SIGN_UP, else the rule kept from before the setting."""
    return settings.SIGN_UP or _as_before() or INVITED


def _as_before() -> str:
    """The rule of an installation that had accounts before the setting existed."""
    try:
        return Installation.objects.values_list("sign_up", flat=True).first() or ""
    except DatabaseError:
        return ""


def is_first(request: HttpRequest) -> bool:
    """Whether this is the first account, created in a browser on a server that is local only."""
    is_here = request.META.get("REMOTE_ADDR") in LOCAL
    is_local = is_here and urlsplit(settings.PUBLIC_URL).hostname in LOCAL
    return is_local and not settings.SIGN_UP and not User.objects.exists()


def is_open(request: HttpRequest) -> bool:
    """Whether this browser gets a form to sign up with a password."""
    if rule() == OPEN or invited_as(request) is not None or is_first(request):
        return True
    return rule() == DOMAINS and sends_mail()  # without mail nobody could prove an address


def refusal(request: HttpRequest, email: str, *, is_verified: bool = False) -> str:
    """Why an address gets no account; empty if it may have one.

    An unverified address is enough if a link will be sent there.
    """
    if rule() == OPEN or is_first(request):
        return ""
    invited = invited_as(request)
    if invited is not None and _is_same(invited or email, email):
        return ""
    if rule() == DOMAINS and (is_verified or sends_mail()) and domain_of(email) in _domains():
        return ""
    return _reason(invited)


def sentence() -> str:
    """Who may create an account, as a sentence; empty if everybody may."""
    if rule() == OPEN:
        return ""
    return f"{_of_the_company()} {_of_others()}".strip()


def _of_the_company() -> str:
    if not settings.OIDC_GROUP:
        return ""
    return f"Your account at {settings.OIDC_NAME} lets you in where it is in the right group."


def _of_others() -> str:
    if rule() == DOMAINS:
        return NOT_OURS.format(domains=", ".join(_domains()))
    if User.objects.exists():
        return "Accounts are made by invitation: ask an admin of a team here for one."
    return (
        "There is no account yet. The administrator of this server makes the first one there, "
        "with `tformance user create`."
    )


def _reason(invited: str | None) -> str:
    if rule() == DOMAINS:
        return NOT_OURS.format(domains=", ".join(_domains()))
    return NOT_INVITED if invited else "Accounts are made by invitation."


def choose(request: HttpRequest, sociallogin: Any) -> None:
    """Of the addresses that a provider verified, puts one that may have an account first."""
    addresses = sociallogin.email_addresses
    fitting = [
        each
        for each in addresses
        if each.verified and not refusal(request, each.email, is_verified=True)
    ]
    if fitting and rule() != OPEN:
        addresses.remove(fitting[0])
        addresses.insert(0, fitting[0])
        sociallogin.user.email = fitting[0].email


def may_sign_up_with(request: HttpRequest, sociallogin: Any) -> bool:
    """Whether a user whom a provider let in may have an account, and by which address if any."""
    addresses = sociallogin.email_addresses
    if not addresses:
        return is_open(request)  # the form asks for an address, which must follow the rule too
    email = sociallogin.user.email or addresses[0].email
    verified = any(each.verified and _is_same(each.email, email) for each in addresses)
    return not refusal(request, email, is_verified=verified) and (verified or is_open(request))


def invited_as(request: HttpRequest) -> str | None:
    """The address of this browser's open invitation; empty if for anybody, None without one."""
    for _, answer in invitation_asked.send(HttpRequest, request=request):
        if answer is not None:
            return str(answer)
    return None


def is_invited(request: HttpRequest, email: str) -> bool:
    """Whether an open invitation in this browser is for this address alone."""
    return _is_same(invited_as(request) or "", email)


def domain_of(email: str) -> str:
    """The domain in the notation of SIGN_UP: lower case, international names in ASCII."""
    return ascii_domain(email.rpartition("@")[2])


def ascii_domain(domain: str) -> str:
    """The domain's ASCII name; empty if it is not valid."""
    try:
        return domain.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return ""


def _domains() -> tuple[str, ...]:
    return tuple(settings.SIGN_UP_DOMAINS)


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
