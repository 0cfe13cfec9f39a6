"""Fields that are encrypted at rest with Fernet, the newest of `TOKEN_ENCRYPTION_KEYS` first."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class EncryptionKeyError(Exception):
    """A stored secret was encrypted with a key that `TOKEN_ENCRYPTION_KEYS` does not have."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be read: TOKEN_ENCRYPTION_KEYS lacks the key that it was "
            "encrypted with. Add that key to the list, or connect GitHub again."
        )


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    """Encrypts with the first key, decrypts with any."""
    return _fernet(tuple(settings.TOKEN_ENCRYPTION_KEYS))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that the database only ever sees encrypted; empty stays empty."""

    def get_prep_value(self, value: Any) -> str:
        text = super().get_prep_value(value)
        return fernet().encrypt(text.encode()).decode() if text else ""

    def from_db_value(self, value: str | None, *_: object) -> str:
        if not value:
            return ""
        try:
            return fernet().decrypt(value.encode()).decode()
        except InvalidToken:
            raise EncryptionKeyError from None
