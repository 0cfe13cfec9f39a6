"""Where a conversation's token comes from; the client does not care which it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from apps.integrations.github.errors import CredentialsRejectedError


class TokenSource(Protocol):
    """Gives the token to send with the next request."""

    def token(self) -> str:
        """A token that is good now; raises `CredentialsRejectedError` where there is none."""
        ...

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """Another token in place of one that GitHub refused; empty where there is none.

        Raises `UnavailableError` where one is just being made.
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
        """None: there is only this one."""
        return ""
