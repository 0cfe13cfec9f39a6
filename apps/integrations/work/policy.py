"""One answer to a `GitHubError`: when to retry, and who must be informed.

It writes a credential's `rejected_at` and the reason. What a verdict means for a chore is its
package's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from django.utils import timezone

from apps.audit.record import record
from apps.integrations.github import limits
from apps.integrations.github.errors import (
    AppRejectedError,
    CredentialsRejectedError,
    GitHubError,
    InstallationRemovedError,
    InstallationSuspendedError,
    WaitError,
)
from apps.integrations.models import IntegrationCredential
from apps.measures import GITHUB_WAITS

GIVE_UP_AFTER = 8  # failures in a row
TRY_AGAIN = timedelta(hours=1)
Rejection = IntegrationCredential.Rejection


class Kind(Enum):
    """What a refusal means for the work."""

    WAIT = auto()  # A rate limit: nothing is wrong.
    RETRY = auto()  # It failed, and will be retried soon.
    STAYED = auto()  # It has failed for long: people are informed, and it is retried now and then.
    PERMANENT = auto()  # Only a person can help.
    REJECTED = auto()  # Only a person can help, and nothing else works with this credential.


@dataclass(frozen=True)
class Verdict:
    """When a refused request may be retried; None: its package decides."""

    kind: Kind
    again_at: datetime | None
    failures: int = 0

    @property
    def is_shown(self) -> bool:
        """Whether people must be informed; else it passes by itself."""
        return self.kind not in (Kind.WAIT, Kind.RETRY)

    @property
    def is_permanent(self) -> bool:
        """Whether a retry does not help."""
        return self.kind in (Kind.PERMANENT, Kind.REJECTED)


def answer(
    error: GitHubError, failures: int, credential: IntegrationCredential | None = None
) -> Verdict:
    """The verdict on an error after this many consecutive failures."""
    if isinstance(error, WaitError):
        GITHUB_WAITS.inc()
        return Verdict(Kind.WAIT, error.until, failures)
    if isinstance(error, CredentialsRejectedError):
        if credential:
            reject(credential, error)
        return Verdict(Kind.REJECTED, None)
    if not error.retryable:
        return Verdict(Kind.PERMANENT, None)
    failures += 1
    if failures >= GIVE_UP_AFTER:
        return Verdict(Kind.STAYED, timezone.now() + TRY_AGAIN, failures)
    return Verdict(Kind.RETRY, timezone.now() + limits.backoff(failures), failures)


def reject(credential: IntegrationCredential, error: CredentialsRejectedError) -> None:
    """Stops all work with a token that GitHub refused, until it is valid again."""
    rows = IntegrationCredential.objects.filter(pk=credential.pk, rejected_at=None)
    why = {"rejection": rejection_of(error), "rejection_said": str(error)}
    if rows.update(rejected_at=timezone.now(), **why):
        name = credential.account_login
        record("github.token.refused", team_id=credential.team_id, object_name=name)


def rejection_of(error: CredentialsRejectedError) -> str:
    """The kind of rejection; empty for that of a token."""
    if isinstance(error, InstallationSuspendedError):
        return Rejection.SUSPENDED
    if isinstance(error, InstallationRemovedError):
        return Rejection.REMOVED
    return Rejection.APP if isinstance(error, AppRejectedError) else ""
