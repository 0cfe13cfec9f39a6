"""Finds which hook signed a delivery, among those its headers name, in constant time.

Secrets of active hooks are cached for seconds, so that a burst does not look up and decrypt the
same ones again. If none fits, the database is checked.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from apps.encryption import decrypt, encrypt
from apps.integrations.access import github_app
from apps.integrations.github import signature
from apps.integrations.models import Hook

ORGANIZATION, APP = "organization", "integration"  # GitHub's words
REMEMBERED_FOR = 10.0  # seconds
KEEP_OLD_SECRET = timedelta(days=1)

# Refusals compare with this, so that an unknown hook takes as long as a wrong signature.
_NO_SECRET = secrets.token_urlsafe(32)


@dataclass(frozen=True)
class _Named:
    """What the headers say of a hook."""

    host: str
    hook_id: int
    target: int
    target_type: str


@dataclass(frozen=True)
class _Signer:
    """A hook and its possible secrets; `pk` is None for no hook."""

    pk: int | None
    keys: tuple[str, str]
    until: float = 0.0

    def __repr__(self) -> str:
        return f"_Signer(pk={self.pk})"


_NOBODY = _Signer(None, (_NO_SECRET, _NO_SECRET))
_remembered: dict[_Named, _Signer] = {}


def signing_hook(request: HttpRequest, body: bytes) -> int | None:
    """The primary key of the hook that signed the body; None, after equal work, for none."""
    given = request.headers.get("X-Hub-Signature-256", "")
    named = _named(request)
    known = _remembered.get(named, _NOBODY)
    if known.until < time.monotonic():
        known = _NOBODY
    if signature.is_valid(known.keys, body, given) and known.pk:
        return known.pk
    found = _look_up(named)
    if not signature.is_valid(found.keys, body, given) or found.pk is None:
        return None
    _remembered[named] = found
    return found.pk


def forget(hook_id: int) -> None:
    """Drops the cached hook."""
    for named, known in list(_remembered.items()):
        if known.pk == hook_id:
            _remembered.pop(named, None)


def _named(request: HttpRequest) -> _Named:
    target_type = request.headers.get("X-GitHub-Hook-Installation-Target-Type", "")
    return _Named(
        settings.GITHUB_URL,
        _number(request, "X-GitHub-Hook-ID"),
        _number(request, "X-GitHub-Hook-Installation-Target-ID"),
        target_type if target_type in (ORGANIZATION, APP) else "",
    )


def _number(request: HttpRequest, header: str) -> int:
    """The number in a header; 0, which is no id of GitHub's, if there is none."""
    text = request.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _look_up(named: _Named) -> _Signer:
    """The hook with that id, or one with no id yet: a ping can precede the API response."""
    if named.target_type == APP:
        return _app(named)
    target = "organization_id" if named.target_type == ORGANIZATION else "github_repo_id"
    awaited = Q(hook_id__isnull=True, **{target: named.target})
    rows = Hook.objects.filter(Q(hook_id=named.hook_id) | awaited, host=named.host, app_id=None)
    fields = ("pk", "secret", "previous_secret", "rotated_at", "is_secret_sent")
    row = rows.order_by("hook_id").values_list(*fields).first()
    if row is None:
        decrypt(_sealed(tuple(settings.TOKEN_ENCRYPTION_KEYS)))  # as much work as with a row
        return _NOBODY
    pk, secret, previous, rotated_at, is_sent = row
    # The secret before the last rotation, until GitHub has the new one and for a day after.
    is_recent = rotated_at and rotated_at > datetime.now(UTC) - KEEP_OLD_SECRET
    former = (previous if is_recent or not is_sent else "") or _NO_SECRET
    return _Signer(pk, (secret, former), time.monotonic() + REMEMBERED_FOR)


def _app(named: _Named) -> _Signer:
    """The hook of our GitHub App, whatever its id: an App has exactly one."""
    found = github_app.hook(named.target)
    if found is None:
        return _NOBODY
    pk, secret = found
    return _Signer(pk, (secret, _NO_SECRET), time.monotonic() + REMEMBERED_FOR)


@lru_cache(maxsize=4)
def _sealed(keys: tuple[str, ...]) -> str:
    return encrypt(_NO_SECRET)
