"""Opens a conversation with GitHub for a stored credential."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from apps.integrations import budget
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import CredentialsRejectedError
from apps.integrations.models import IntegrationCredential


@dataclass(frozen=True)
class StoredToken:
    """The token of a credential; one of the command line is read where it stands."""

    credential: IntegrationCredential

    def token(self) -> str:
        """The token; raises `CredentialsRejectedError` where there is none."""
        if self.credential.kind == IntegrationCredential.Kind.ENVIRONMENT:
            token = settings.GITHUB_TOKEN
        else:
            token = self.credential.access_token
        if not token:
            raise CredentialsRejectedError("There is no token for GitHub.")
        return token


def with_github(credential: IntegrationCredential) -> GitHub:
    """A conversation whose replies keep the account's budget up to date; use it in `with`."""
    return GitHub(
        settings.GITHUB_URL,
        StoredToken(credential),
        on_limit=lambda limit: budget.note(credential, limit),
    )
