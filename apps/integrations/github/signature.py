"""PURE: webhook signatures.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable


def sign(secret: str, body: bytes) -> str:
    """The `X-Hub-Signature-256` of a raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_valid(secrets: Iterable[str], body: bytes, given: str) -> bool:
    """Whether one of the secrets signed the body; compares with each, in constant time."""
    found = False
    for secret in secrets:
        expected = sign(secret, body).encode()
        found |= hmac.compare_digest(expected, given.encode(errors="replace")) and bool(secret)
    return found
