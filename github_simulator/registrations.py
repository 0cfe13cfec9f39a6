"""Apps created from a manifest, and their secrets, which GitHub returns once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .world import GitHubApp


class AppError(Exception):
    """A refusal, with GitHub's status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Registration:
    """A new app and its secrets, which GitHub returns once."""

    app: GitHubApp
    client_secret: str
    private_key: str
    expires_at: datetime


@dataclass
class Registrations:
    """Codes of apps created from a manifest whose secrets are not fetched yet."""

    codes: dict[str, Registration] = field(default_factory=dict)

    def redeem(self, code: str, now: datetime) -> Registration:
        """The registration of a code, once. Raises AppError."""
        found = self.codes.pop(code, None)
        if found is None or found.expires_at <= now:
            raise AppError(404, "Not Found")
        return found
