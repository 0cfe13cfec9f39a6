"""Opens a GitHub client for a stored credential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from apps.integrations.access.door import open_github
from apps.integrations.access.token_refresh import (
    BUSY,
    TOKEN_FIELDS,
    is_being_renewed,
    keep_good,
    replace_refused,
)
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import CredentialsRejectedError, UnavailableError
from apps.integrations.models import IntegrationCredential
from apps.integrations.work import budget


@dataclass(frozen=True)
class StoredToken:
    """A credential's token; on the command line it is read from the environment."""

    credential: IntegrationCredential

    def token(self) -> str:
        """The token. Raises `CredentialsRejectedError` if there is none."""
        if self.credential.kind == IntegrationCredential.Kind.ENVIRONMENT:
            token = settings.GITHUB_TOKEN
        else:
            token = self._stored()
        if not token:
            raise CredentialsRejectedError("There is no token for GitHub.")
        return token

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """The token that another worker stored instead. Raises `UnavailableError` in a renewal."""
        # A refresh invalidates the old token at GitHub a moment before the new one is stored here.
        # Checking in this order misses nothing: a renewal that has ended by now has stored its
        # token.
        is_under_way = is_being_renewed(self.credential)
        token = self.token()
        if token != refused:
            return token
        if is_under_way:
            raise UnavailableError(BUSY)
        return replace_refused(self.credential)

    def _stored(self) -> str:
        # Read from the database each time: another process may have renewed, replaced or deleted
        # it.
        try:
            self.credential.refresh_from_db(fields=TOKEN_FIELDS)
        except IntegrationCredential.DoesNotExist:
            return ""
        keep_good(self.credential)
        return str(self.credential.access_token)


def with_github(
    credential: IntegrationCredential,
    *,
    is_live: Callable[[], bool] | None = None,
    has_turn: bool = False,
) -> GitHub:
    """A client for a stored credential, which uses its account's rate limit budget."""
    more = {"is_live": is_live} if is_live else {}
    return open_github(
        StoredToken(credential), budget.account_of(credential), has_turn=has_turn, **more
    )
