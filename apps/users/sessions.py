"""Sessions as rows whose name is a hash of the cookie and whose content is encrypted.

A thief of the database can neither be somebody nor read what waits in a session: a key to reset a
password, PKCE's verifier, an invitation.
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

SIGNED_IN = "signed_in"  # where and when, for the list of one's sessions
_USER_AGENT = 200


def name_of(cookie: str) -> str:
    """What the row of this cookie's session is called."""
    # No salt and no slow hash: the cookie is 165 random bits, which nobody can guess.
    return hashlib.sha256(cookie.encode()).hexdigest()


class SessionStore(DatabaseStore):
    """Django's, with the key hashed on its way to the database and the content encrypted."""

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
            return {}  # Its key was taken away: its user signs in again.
        return found

    # Django's own would look for the cookie itself.
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
    """A browser in which somebody is signed in."""

    ip: str
    user_agent: str
    created_at: datetime
    is_current: bool


def note_place(*, request: HttpRequest, **_: Any) -> None:
    """Notes in a session that begins where it begins."""
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
    """Signs a user out everywhere but in the session of `request`."""
    rows = Session.objects.filter(user=user)
    if request is not None and request.session.session_key:
        rows = rows.exclude(pk=name_of(request.session.session_key))
    rows.delete()


def end_others_after(*, request: HttpRequest, user: User, **_: Any) -> None:
    """What began with the former password ends with it."""
    end_others(user, request)


def encrypt_anew() -> None:
    """Encrypts all sessions with the first key; one that changes meanwhile has it already."""
    for pk in Session.objects.order_by("pk").values_list("pk", flat=True):
        row = Session.objects.filter(pk=pk).first()
        if row is not None and (content := row.get_decoded()):
            same = Session.objects.filter(pk=pk, session_data=row.session_data)
            same.update(session_data=SessionStore().encode(content))
