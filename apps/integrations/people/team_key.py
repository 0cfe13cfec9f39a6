"""Hashes by a team's own key: what is equal can be seen, what it was can't."""

from __future__ import annotations

import hmac
import secrets

from apps.integrations.models import TeamKey
from apps.teams.models import Team

_known: dict[int, bytes] = {}


def hashed(key: bytes, text: str) -> str:
    """32 hex digits; empty for nothing."""
    return hmac.digest(key, text.encode(), "sha256").hex()[:32] if text else ""


def key_of(team: Team) -> bytes:
    """The team's key, made once. It never changes, so that a process asks for it once."""
    if team.pk in _known:
        return _known[team.pk]
    row, is_new = TeamKey.objects.get_or_create(
        team=team, defaults={"key": secrets.token_urlsafe(32)}
    )
    key: bytes = row.key.encode()
    if not is_new:  # A new one may yet be rolled back.
        _known[team.pk] = key
    return key
