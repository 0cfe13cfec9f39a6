"""Apps that were made by a manifest, and the secrets that GitHub tells of them once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .world import GitHubApp


class AppError(Exception):
    """A refusal, with the status and the sentence that GitHub gives it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Registration:
    """A fresh app and the secrets that GitHub tells once."""

    app: GitHubApp
    client_secret: str
    private_key: str
    expires_at: datetime


@dataclass
class Registrations:
    """Codes of apps that were made by a manifest and whose secrets were not yet fetched."""

    codes: dict[str, Registration] = field(default_factory=dict)

    def redeem(self, code: str, now: datetime) -> Registration:
        """What belongs to a code, once. Raises AppError."""
        found = self.codes.pop(code, None)
        if found is None or found.expires_at <= now:
            raise AppError(404, "Not Found")
        return found
