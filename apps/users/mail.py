"""Mail that somebody else's click may cause: how much of it, and whether any leaves at all."""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest

# Of each kind: a link that was sent keeps working, so that nobody is locked out by these.
A_RECEIVER = "5/h/key,10/d/key"


def sends_mail() -> bool:
    """Whether mail leaves this installation, instead of being written to the log."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")


def may_send(request: HttpRequest, kind: str, to: str) -> bool:
    """Counts one more mail of a kind to an address, unless it has had enough of them."""
    return is_within(request, f"mail.{kind}", to.lower(), A_RECEIVER)


def is_within(request: HttpRequest, what: str, key: str, rates: str) -> bool:
    """Counts one more of `what` for `key`, unless that is more than `rates` allow."""
    limits = {what: rates}
    used = ratelimit.consume(
        request, app="tformance", action=what, key=key, config=limits, limit_get=True
    )
    return used is not None
