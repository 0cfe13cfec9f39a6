"""Errors of GitHub, distinguished in one place.

Each error is *retryable* (wait, then retry) or *permanent* (only a person can help), says what
happened in `message` and what to do in `advice`.
"""

from __future__ import annotations

from datetime import datetime


class GitHubError(Exception):
    """GitHub did not fulfil a request."""

    retryable = False
    is_heavy = False
    """Whether a smaller request may succeed."""
    advice = ""

    def __init__(self, message: str, *, advice: str = "", url: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice or self.advice
        self.url = url

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class CredentialsRejectedError(GitHubError):
    """401: the token was revoked, has expired, or never existed.

    `answered_at` is the time of the response, by GitHub's clock.
    """

    advice = "Connect GitHub again, or give another token."
    answered_at: datetime | None = None


class AppRejectedError(CredentialsRejectedError):
    """401 for a token signed by a GitHub App: its key is unknown, or the clock is wrong."""

    advice = "Check GITHUB_APP_ID, its key and this machine's clock; it is retried automatically."


class InstallationSuspendedError(CredentialsRejectedError):
    """An owner of the account has suspended the GitHub App there."""

    def __init__(self) -> None:
        super().__init__(
            "The GitHub App is suspended on GitHub.",
            advice="An owner of the account can lift that on GitHub; then work resumes.",
        )


class InstallationRemovedError(CredentialsRejectedError):
    """The GitHub App is no longer installed on the account."""

    def __init__(self) -> None:
        super().__init__(
            "The GitHub App was removed from the account on GitHub.",
            advice="Install it again, or connect in another way.",
        )


class ScopeMissingError(GitHubError):
    """The token may not do this."""

    advice = "Connect GitHub again and grant all that is asked for."


class OrganizationRestrictedError(GitHubError):
    """The organisation has not approved the OAuth app."""

    advice = "An owner of the organisation must approve tformance on GitHub first."


class AddressRefusedError(GitHubError):
    """The organisation has an IP allow list that does not include tformance's address."""

    advice = "An owner of the organisation can add the address that tformance asks from."

    def __init__(self) -> None:
        super().__init__("The organisation's IP allow list keeps tformance out.")


class SingleSignOnError(GitHubError):
    """The organisation requires a SAML session for this token; `url` is where to start one."""

    advice = "Open the organisation's single sign-on page, authorise the token, then try again."


class NotFoundError(GitHubError):
    """404, 410 or NOT_FOUND: it is gone, or the token may not see it."""

    advice = "Check the name, and that the token may see it."


class BlockedError(GitHubError):
    """451: GitHub blocks it for legal reasons."""


class RefusedError(GitHubError):
    """Any other refusal that a retry does not change."""


class CursorError(RefusedError):
    """GitHub no longer knows a cursor: the list must be read from its beginning."""


class WaitError(GitHubError):
    """A rate limit: no request before `until`."""

    retryable = True
    is_noted = False
    """Whether the account's budget has recorded it already."""

    def __init__(self, message: str, until: datetime, *, secondary: bool) -> None:
        super().__init__(message, advice="Work resumes automatically then.")
        self.until = until
        self.secondary = secondary


class TooHeavyError(GitHubError):
    """GitHub gave up on a query; request less."""

    retryable = True
    is_heavy = True
    advice = "The next request asks for less."


class UnavailableError(GitHubError):
    """5xx, a dropped connection, a time-out, or an incomplete response."""

    retryable = True
    advice = "It is retried automatically."

    def __init__(self, message: str, *, is_heavy: bool = False) -> None:
        super().__init__(message)
        self.is_heavy = is_heavy
