"""Limits on mail that strangers can trigger, and whether mail is sent at all."""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest

# For each kind. A link that was sent keeps working, so these limits lock nobody out.
A_RECEIVER = "5/h/key,10/d/key"


def sends_mail() -> bool:
    """Whether mail is sent, instead of being written to the log."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")


def may_send(request: HttpRequest, kind: str, to: str) -> bool:
    """Counts one more mail of a kind to an address; false if that exceeds the limit."""
    return is_within(request, f"mail.{kind}", to.lower(), A_RECEIVER)


def is_within(request: HttpRequest, what: str, key: str, rates: str) -> bool:
    """Counts one more of `what` for `key`; false if that exceeds `rates`."""
    limits = {what: rates}
    used = ratelimit.consume(
        request, app="tformance", action=what, key=key, config=limits, limit_get=True
    )
    return used is not None
