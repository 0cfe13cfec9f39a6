"""What `tformance doctor` says about sign-up and company sign-in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from django.conf import settings

from tformance.findings import NOTE, OK, PROBLEM, Finding


def rule() -> Iterator[Finding]:
    """Who may create an account."""
    from django.db import DatabaseError

    from apps.users import sign_up
    from apps.users.mail import sends_mail

    try:
        if sign_up.rule() == sign_up.OPEN:
            how = "as it has always been" if not settings.SIGN_UP else "as SIGN_UP says"
            todo = "Set SIGN_UP=invited, unless strangers may look in."
            yield Finding(NOTE, "sign-up", f"is open to everybody, {how}", todo)
            return
        yield Finding(OK, "sign-up", sign_up.sentence())
    except DatabaseError:
        return  # reported already
    if sign_up.rule() == sign_up.DOMAINS and not sends_mail():
        todo = "Set EMAIL_URL; until then only GitHub and OpenID Connect can vouch for an address."
        yield Finding(NOTE, "sign-up", "cannot prove an address by mail", todo)


def company() -> Iterator[Finding]:
    """Whether the OpenID Connect provider is the configured one."""
    from apps.integrations.github.errors import GitHubError
    from apps.integrations.github.transport import Transport

    issuer = settings.OIDC_ISSUER
    if not issuer:
        return
    todo = "Check OIDC_ISSUER: it is the provider's address, as its own documents name it."
    address = f"{issuer}/.well-known/openid-configuration"
    try:
        with Transport(address, settings.OIDC_CA_FILE, settings.OIDC_NAME, timeout=10) as http:
            named = http.get(address).raise_for_status().json()["issuer"]
    except GitHubError as error:
        yield Finding(PROBLEM, "OpenID Connect", error.message, todo)
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        yield Finding(PROBLEM, "OpenID Connect", f"no provider answers at {issuer}", todo)
    else:
        if str(named).rstrip("/") == issuer:
            yield Finding(OK, "OpenID Connect", f"{settings.OIDC_NAME}, by {issuer}")
        else:
            yield Finding(PROBLEM, "OpenID Connect", f"{issuer} calls itself {named}", todo)
