"""Sources of a client's token; the client does not care which kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from apps.integrations.github.errors import CredentialsRejectedError


class TokenSource(Protocol):
    """Supplies the token for the next request."""

    def token(self) -> str:
        """A valid token. Raises `CredentialsRejectedError` if there is none."""
        ...

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """Another token instead of one that GitHub refused; empty if there is none.

        Raises `UnavailableError` while one is being created.
        """
        ...


@dataclass(frozen=True, repr=False)
class FixedToken:
    """A token that does not change: a personal access token, or an OAuth token without expiry."""

    value: str

    def token(self) -> str:
        """The token."""
        return self.value

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """Empty: there is only this one."""
        return ""
