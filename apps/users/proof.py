"""Whether an account's address belongs to its owner: what waits for proof, and what ends with it.

Anybody can sign up with a stranger's address. Until its owner has proven it, by a link sent there,
the account can add no other way to sign in. Once it is proven, whatever was added before is
removed.
"""

from __future__ import annotations

from typing import Any

from allauth.account.internal.stagekit import unstash_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest

from apps.audit.record import record
from apps.users import sessions
from apps.users.mail import sends_mail
from apps.users.models import User

FIRST = "Confirm your e-mail address first: open the link that we have sent you."

# Sent with `user`: other apps must end the credentials that they keep for them.
address_proven = Signal()


def is_proven(user: User) -> bool:
    """Whether the account's address is confirmed or an operator made the account."""
    rows = EmailAddress.objects.filter(user=user).values_list("email", "verified")
    known = {email.lower(): verified for email, verified in rows}
    return not known or known.get(user.email.lower(), False)


def may_add(user: User) -> bool:
    """Whether an account may add sign-in methods, and invite. Without mail nothing is proven."""
    return is_proven(user) or not sends_mail()


def owns(user: User, email: str) -> bool:
    """Whether an address is the user's own, as far as it can be proven here."""
    if email.lower() == user.email.lower():
        return may_add(user)
    found = EmailAddress.objects.filter(user=user, email__iexact=email, verified=True)
    return bool(found.exists())


def has_added(user: User, email: str) -> bool:
    """Whether an address is in the user's account, confirmed or not."""
    found = EmailAddress.objects.filter(user=user, email__iexact=email)
    return bool(found.exists())


def may_reset(user: User, email: str) -> bool:
    """Whether a reset link sent to this address may open the account."""
    return email.lower() == user.email.lower() or (is_proven(user) and owns(user, email))


def holds(request: HttpRequest, user: User) -> bool:
    """Whether this browser is signed in as `user`, or has just given the right password."""
    if request.user.is_authenticated:
        return request.user.pk == user.pk
    pending = unstash_login(request, peek=True)
    return bool(pending and pending.user and pending.user.pk == user.pk)


def after_reset(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Choosing a new password by a link proves that the user reads the account's mail."""
    if not is_proven(user):
        address = EmailAddress.objects.filter(user=user, email__iexact=user.email).first()
        if address is not None and address.set_verified():
            _clear(request, user)


def after_confirmation(*, request: HttpRequest, email_address: EmailAddress, **_: Any) -> None:
    """The account's own address is proven from now on."""
    user = User.objects.get(pk=email_address.user_id)
    if email_address.email.lower() == user.email.lower():
        _clear(request, user)


@transaction.atomic
def _clear(request: HttpRequest, user: User) -> None:
    """Removes what was added before the proof: addresses, logins, factors, sessions, keys."""
    others = EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email)
    added = (
        others,
        SocialAccount.objects.filter(user=user),
        Authenticator.objects.filter(user=user),
    )
    count = sum(rows.delete()[0] for rows in added)
    sessions.end_others(user, request)
    address_proven.send(User, user=user)
    record("account.proven", request=request, actor=user, object_name=user.email, removed=count)
    if count:
        messages.warning(
            request,
            "Other addresses, GitHub accounts and second factors that were added before this "
            "address was confirmed are removed.",
        )
