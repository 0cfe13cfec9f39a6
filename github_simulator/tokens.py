"""Tokens that look like GitHub's: a prefix, thirty random characters and a checksum of six.

https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
"""

from __future__ import annotations

import random
import string
import zlib
from typing import Literal

from .world import OAuthApp

Prefix = Literal["ghp", "gho", "ghu", "ghr", "ghs"]

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


# tformance on this machine, at any port.
CALLBACKS = tuple(
    f"{home}{path}"
    for path in ("/integrations/github/callback/", "/accounts/github/login/callback/")
    for home in ("http://127.0.0.1", "http://localhost")
)


def new_token(prefix: Prefix, source: random.Random) -> str:
    """A token of this kind, the same from an equal source."""
    body = "".join(source.choices(ALPHABET, k=30))
    return f"{prefix}_{body}{_checksum(body)}"


def personal_token(seed: int) -> str:
    """The personal token that a simulator of this seed starts with."""
    return new_token("ghp", random.Random(f"personal token {seed}"))


def default_app(callback_urls: tuple[str, ...]) -> OAuthApp:
    """The OAuth app that a simulator starts with, always with the same id and secret."""
    source = random.Random("default app")
    return OAuthApp(
        client_id="Iv1." + "".join(source.choices("0123456789abcdef", k=16)),
        client_secret="".join(source.choices("0123456789abcdef", k=40)),
        name="tformance",
        callback_urls=list(callback_urls or CALLBACKS),
    )


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits.rjust(6, "0")
