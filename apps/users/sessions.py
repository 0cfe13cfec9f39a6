"""Session rows: the key is a hash of the cookie, the content is encrypted.

A stolen database neither opens a session nor reveals what waits in one: a password reset key,
PKCE's verifier, an invitation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from apps.encryption import EncryptionKeyError, decrypt, encrypt
from apps.users.models import MOST_OF_A_SESSION, Session, User

SIGNED_IN = "signed_in"  # where and when, for the list of the user's sessions
_USER_AGENT = 200


def name_of(cookie: str) -> str:
    """The session key of this cookie."""
    # No salt and no slow hash: the cookie is 165 random bits and cannot be guessed.
    return hashlib.sha256(cookie.encode()).hexdigest()


class SessionStore(DatabaseStore):
    """Django's session store, with the key hashed and the content encrypted."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        rows = Session.objects.filter(expire_date__gt=timezone.now())
        row = rows.filter(pk=name_of(self.session_key or "")).first()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=name_of(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        return Session(
            session_key=name_of(self._get_or_create_session_key()),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=data.get(SESSION_KEY),
        )

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(pk=name_of(key)).delete()

    def encode(self, session_dict: dict[str, Any]) -> str:
        stored = encrypt(json.dumps(session_dict, separators=(",", ":")))
        if len(stored) > MOST_OF_A_SESSION:
            raise SuspiciousOperation("This is more than a session may hold.")
        return stored

    def decode(self, session_data: str | bytes) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(decrypt(str(session_data)))
        except EncryptionKeyError:
            return {}  # Its encryption key is gone: the user signs in again.
        return found

    # Django's own method would look up the unhashed cookie.
    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)


@dataclass(frozen=True)
class Place:
    """A browser with a signed-in session."""

    ip: str
    user_agent: str
    created_at: datetime
    is_current: bool


def note_place(*, request: HttpRequest, **_: Any) -> None:
    """Records in a new session where it began."""
    request.session[SIGNED_IN] = {
        "ip": request.META.get("REMOTE_ADDR", ""),
        "user_agent": request.headers.get("User-Agent", "")[:_USER_AGENT],
        "at": timezone.now().isoformat(),
    }


def places(request: HttpRequest, user: User) -> list[Place]:
    """Where `user` is signed in, the newest first."""
    here = name_of(request.session.session_key or "")
    rows = Session.objects.filter(user=user, expire_date__gt=timezone.now())
    found = [_place(row, here) for row in rows if _is_good(row, user)]
    return sorted(found, key=lambda place: place.created_at, reverse=True)


def _is_good(row: Session, user: User) -> bool:
    """Whether the password is still the one that the session began with."""
    said = row.get_decoded().get(HASH_SESSION_KEY, "")
    return constant_time_compare(said, user.get_session_auth_hash())


def _place(row: Session, here: str) -> Place:
    noted = row.get_decoded().get(SIGNED_IN, {})
    at = noted.get("at")
    return Place(
        ip=noted.get("ip", ""),
        user_agent=noted.get("user_agent", ""),
        created_at=datetime.fromisoformat(at) if at else timezone.now(),
        is_current=row.pk == here,
    )


def end_others(user: User, request: HttpRequest | None = None) -> None:
    """Signs a user out everywhere except in the session of `request`."""
    rows = Session.objects.filter(user=user)
    if request is not None and request.session.session_key:
        rows = rows.exclude(pk=name_of(request.session.session_key))
    rows.delete()


def end_others_after(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Ends sessions that began with the former password."""
    end_others(user, request)


def encrypt_anew() -> None:
    """Encrypts all sessions again with the first key; a session saved meanwhile uses it already."""
    for pk in Session.objects.order_by("pk").values_list("pk", flat=True):
        row = Session.objects.filter(pk=pk).first()
        if row is not None and (content := row.get_decoded()):
            same = Session.objects.filter(pk=pk, session_data=row.session_data)
            same.update(session_data=SessionStore().encode(content))
