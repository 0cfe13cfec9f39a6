"""OAuth without HTTP: codes, tokens, refreshes and revocations, with GitHub's rules.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from .access import INCLUDES, expand
from .tokens import Prefix, new_token
from .world import Account, OAuthApp, Token, World

CODE_LIFETIME = timedelta(minutes=10)
TOKEN_LIFETIME = timedelta(hours=8)
REFRESH_LIFETIME = timedelta(days=184)
TOKENS_PER_SCOPE = 10
KNOWN_SCOPES = expand(INCLUDES) | {"admin:org_hook", "gist", "notifications", "workflow"}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class GrantError(Exception):
    """An error with GitHub's name and message."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


@dataclass(frozen=True)
class Asked:
    """What an app requests from a person; `challenge` is PKCE's, by S256."""

    app: OAuthApp
    redirect_uri: str
    scopes: list[str]
    state: str | None = None
    challenge: str | None = None


@dataclass(frozen=True)
class Authorization:
    """A person's consent, waiting to be exchanged for a token."""

    asked: Asked
    account: Account
    scopes: list[str]
    expires_at: datetime


@dataclass
class Authorizations:
    """Codes that are not exchanged yet, and earlier authorisations."""

    world: World
    source: random.Random
    codes: dict[str, Authorization] = field(default_factory=dict)
    granted: dict[tuple[int, str], set[str]] = field(default_factory=dict)

    def authorize(self, asked: Asked, account: Account, scopes: list[str], now: datetime) -> str:
        """The code for a person's consent, possibly with fewer scopes than requested."""
        code = f"{self.source.getrandbits(80):020x}"
        chosen = normalized(scopes)
        self.codes[code] = Authorization(asked, account, chosen, now + CODE_LIFETIME)
        self.granted[account.id, asked.app.client_id] = set(chosen)
        return code

    def is_settled(self, asked: Asked, account: Account) -> bool:
        """Whether this person gave this app all of these scopes before: no page is shown."""
        before = self.granted.get((account.id, asked.app.client_id))
        return before is not None and set(asked.scopes) <= expand(before)

    def exchange(
        self,
        app: OAuthApp,
        code: str,
        redirect_uri: str | None,
        verifier: str | None,
        now: datetime,
    ) -> Token:
        """The token for a code, once. Raises GrantError."""
        found = self.codes.pop(code, None)
        if found is None or found.asked.app is not app or found.expires_at <= now:
            raise _BAD_CODE
        if redirect_uri and redirect_uri != found.asked.redirect_uri:
            raise MISMATCH
        if found.asked.challenge and not _verifies(found.asked.challenge, verifier):
            raise _BAD_CODE
        if not found.account.email_verified:
            raise _UNVERIFIED
        return self._issue(app, found.account, found.scopes, now)

    def refresh(self, app: OAuthApp, refresh_token: str, now: datetime) -> Token:
        """A new pair of tokens; both old ones end. Raises GrantError."""
        old = next((t for t in self.world.tokens.values() if _refreshes(t, refresh_token)), None)
        if old is None or old.client_id != app.client_id or _is_stale(old, now):
            raise GrantError(
                "bad_refresh_token", "The refresh token passed is incorrect or expired."
            )
        old.revoked = True
        return self._issue(app, old.account, old.scopes, now)

    def reset(self, token: Token) -> Token:
        """The same token with a new value."""
        token.revoked = True
        renewed = Token(
            new_token("gho", self.source), token.account, list(token.scopes), token.client_id
        )
        renewed.expires_at = token.expires_at
        self.world.tokens[renewed.value] = renewed
        return renewed

    def revoke_grant(self, app: OAuthApp, account: Account) -> None:
        """Revokes all tokens that the app has of this person."""
        self.granted.pop((account.id, app.client_id), None)
        for token in self.world.tokens.values():
            if token.client_id == app.client_id and token.account is account:
                token.revoked = True

    def _issue(self, app: OAuthApp, account: Account, scopes: list[str], now: datetime) -> Token:
        prefix: Prefix = "gho" if app.github_app is None else "ghu"
        token = Token(new_token(prefix, self.source), account, list(scopes), app.client_id)
        if app.expiring_tokens:
            token.expires_at = now + TOKEN_LIFETIME
            token.refresh_token = new_token("ghr", self.source)
            token.refresh_expires_at = now + REFRESH_LIFETIME
        self._make_room(token)
        self.world.tokens[token.value] = token
        return token

    def _make_room(self, new: Token) -> None:
        """The oldest of ten tokens of the same person, app and scopes ends silently."""
        same = [token for token in self.world.tokens.values() if _is_alike(token, new)]
        for token in same[: max(0, len(same) - TOKENS_PER_SCOPE + 1)]:
            token.revoked = True


_BAD_CODE = GrantError("bad_verification_code", "The code passed is incorrect or expired.")
_UNVERIFIED = GrantError("unverified_user_email", "The user must have a verified primary email.")
MISMATCH = GrantError(
    "redirect_uri_mismatch",
    "The redirect_uri MUST match the registered callback URL for this application.",
)


def normalized(scopes: list[str]) -> list[str]:
    """The sorted scopes without those that another one includes."""
    kept = [s for s in set(scopes) if not any(s in expand([o]) for o in set(scopes) - {s})]
    return sorted(kept)


def is_registered(app: OAuthApp, redirect_uri: str) -> bool:
    """Whether the URL is exactly one of the app's; on loopback any port is allowed."""
    if redirect_uri in app.callback_urls:
        return True
    asked = urlsplit(redirect_uri)
    return asked.hostname in _LOOPBACK and any(
        asked._replace(netloc="") == known._replace(netloc="") and known.hostname == asked.hostname
        for known in map(urlsplit, app.callback_urls)
    )


def _is_alike(token: Token, other: Token) -> bool:
    return (
        not token.revoked
        and token.account is other.account
        and token.client_id == other.client_id
        and token.scopes == other.scopes
    )


def _refreshes(token: Token, refresh_token: str) -> bool:
    return bool(token.refresh_token) and token.refresh_token == refresh_token


def _is_stale(token: Token, now: datetime) -> bool:
    return token.revoked or bool(token.refresh_expires_at and token.refresh_expires_at <= now)


def _verifies(challenge: str, verifier: str | None) -> bool:
    digest = hashlib.sha256((verifier or "").encode()).digest()
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return secrets.compare_digest(expected, challenge)
