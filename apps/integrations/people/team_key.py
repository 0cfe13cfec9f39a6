"""Hashes with a team's own key: equal values match, but the value cannot be recovered."""

from __future__ import annotations

import hmac
import secrets

from apps.integrations.models import TeamKey
from apps.teams.models import Team

_known: dict[int, bytes] = {}


def hashed(key: bytes, text: str) -> str:
    """32 hex digits; empty for an empty text."""
    return hmac.digest(key, text.encode(), "sha256").hex()[:32] if text else ""


def key_of(team: Team) -> bytes:
    """The team's key, created once. It never changes, so a process loads it once."""
    if team.pk in _known:
        return _known[team.pk]
    row, is_new = TeamKey.objects.get_or_create(
        team=team, defaults={"key": secrets.token_urlsafe(32)}
    )
    key: bytes = row.key.encode()
    if not is_new:  # A new one may still be rolled back.
        _known[team.pk] = key
    return key
