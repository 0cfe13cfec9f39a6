"""Encrypts secrets at rest with Fernet, using the newest of `TOKEN_ENCRYPTION_KEYS`."""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


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
    """Encrypts with the first key and decrypts with any of them."""
    return _fernet(tuple(settings.TOKEN_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """The encrypted text, for storing."""
    return fernet().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """The decrypted text. Raises EncryptionKeyError if no key fits."""
    try:
        return fernet().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise EncryptionKeyError from None
