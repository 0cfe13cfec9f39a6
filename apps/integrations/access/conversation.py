"""Opens a conversation with GitHub for a stored credential."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from apps.integrations.access.token_refresh import BUSY, keep_good, replace_refused
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import CredentialsRejectedError, UnavailableError
from apps.integrations.models import IntegrationCredential
from apps.integrations.work import budget

TOKEN_FIELDS = [
    *("access_token", "refresh_token", "token_expires_at", "refreshing_until"),
    "installation_id",
]


@dataclass(frozen=True)
class StoredToken:
    """The token of a credential; one of the command line is read where it stands."""

    credential: IntegrationCredential

    def token(self) -> str:
        """The token; raises `CredentialsRejectedError` where there is none."""
        if self.credential.kind == IntegrationCredential.Kind.ENVIRONMENT:
            token = settings.GITHUB_TOKEN
        else:
            token = self._stored()
        if not token:
            raise CredentialsRejectedError("There is no token for GitHub.")
        return token

    def instead_of(self, refused: str) -> str:
        """What another worker has put in its place. Raises `UnavailableError` while it does."""
        token = self.token()
        if token != refused:
            return token
        busy_until = self.credential.refreshing_until
        if busy_until and busy_until > timezone.now():
            # A refresh ends the old token at GitHub a moment before the new one is stored here.
            raise UnavailableError(BUSY)
        return replace_refused(self.credential)

    def _stored(self) -> str:
        # Read anew each time: somebody may have renewed or replaced it, or disconnected.
        try:
            self.credential.refresh_from_db(fields=TOKEN_FIELDS)
        except IntegrationCredential.DoesNotExist:
            return ""
        keep_good(self.credential)
        return str(self.credential.access_token)


def with_github(credential: IntegrationCredential) -> GitHub:
    """A conversation whose replies keep the account's budget up to date; use it in `with`."""
    return GitHub(
        settings.GITHUB_URL,
        StoredToken(credential),
        on_limit=lambda limit: budget.note(credential, limit),
        ca_file=settings.GITHUB_CA_FILE,
    )
