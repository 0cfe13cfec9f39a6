"""Keys of the read API: shown once when created, stored as hashes."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from apps.teams.membership import may_open
from apps.teams.models import ApiKey, Team
from apps.users.models import User

# A distinctive prefix, so that scanners for leaked secrets can find keys.
BEGINNING = "tfk_"
NOTE_USE_EVERY = timedelta(minutes=5)


def make(team: Team, user: User, name: str) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be shown again."""
    text = BEGINNING + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        team=team, user=user, name=name, prefix=text[:10], key_hash=_hash(text)
    )
    return row, text


def find(text: str) -> ApiKey | None:
    """The key with this text, if it is valid and its owner is still a member."""
    key: ApiKey | None = (
        ApiKey.objects.select_related("team", "user")
        .filter(key_hash=_hash(text), revoked_at__isnull=True, user__is_active=True)
        .first()
    )
    if key is None or not may_open(key.team, key.user):
        return None
    _note_use(key)
    return key


def revoke(key: ApiKey) -> None:
    """Revokes a key for good."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    # Not at each request: reading must not write every time.
    if key.last_used_at is None or key.last_used_at < now - NOTE_USE_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _hash(text: str) -> str:
    # No salt and no slow hash: the text is 256 random bits and cannot be guessed.
    return hashlib.sha256(text.encode()).hexdigest()
