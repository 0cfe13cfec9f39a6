"""Opens a conversation with GitHub for a stored credential."""

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

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """What another worker has put in its place. Raises `UnavailableError` while it does."""
        # A refresh ends the old token at GitHub a moment before the new one is stored here. In this
        # order nothing is missed: a renewal that is over now has stored its token already.
        is_under_way = is_being_renewed(self.credential)
        token = self.token()
        if token != refused:
            return token
        if is_under_way:
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


def with_github(
    credential: IntegrationCredential,
    *,
    is_live: Callable[[], bool] | None = None,
    has_turn: bool = False,
) -> GitHub:
    """A conversation by a stored credential, which draws on its account's budget."""
    more = {"is_live": is_live} if is_live else {}
    return open_github(
        StoredToken(credential), budget.account_of(credential), has_turn=has_turn, **more
    )
