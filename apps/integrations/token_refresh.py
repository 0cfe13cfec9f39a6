"""Keeps an expiring OAuth token good: renewed by one worker at a time, stored before it is used.

A refresh ends both old tokens, so two workers must not refresh at once, and a token that was
fetched must not be lost.
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from apps.audit.record import record
from apps.integrations import oauth
from apps.integrations.github.errors import CredentialsRejectedError, UnavailableError
from apps.integrations.models import IntegrationCredential
from apps.integrations.problems import UNREACHABLE, ConnectError

AHEAD = timedelta(minutes=10)
LEASE = timedelta(seconds=30)

REFUSED = "GitHub did not renew the token."
BUSY = "The token is just being renewed."


def keep_good(credential: IntegrationCredential) -> None:
    """Renews a token that is about to expire. Raises a `GitHubError` where none is good now."""
    now = timezone.now()
    expires_at = credential.token_expires_at
    if not credential.refresh_token or not expires_at or expires_at > now + AHEAD:
        return
    claimed = IntegrationCredential.objects.filter(
        Q(refreshing_until=None) | Q(refreshing_until__lt=now),
        pk=credential.pk,
        token_expires_at=expires_at,
    ).update(refreshing_until=now + LEASE)
    if claimed:
        _renew(credential)
    elif expires_at <= now:
        raise UnavailableError(BUSY)


def _renew(credential: IntegrationCredential) -> None:
    try:
        grant = oauth.refresh(credential.refresh_token)
    except ConnectError as error:
        IntegrationCredential.objects.filter(pk=credential.pk).update(refreshing_until=None)
        if error.problem is UNREACHABLE:
            raise UnavailableError("GitHub cannot be reached to renew the token.") from None
        raise CredentialsRejectedError(REFUSED) from None
    _store(credential, grant)
    _note(credential, "github.token.refreshed")


def _store(credential: IntegrationCredential, grant: oauth.Grant) -> None:
    renewed = {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "token_expires_at": grant.expires_at,
        "refreshing_until": None,
    }
    rows = IntegrationCredential.objects.filter(
        pk=credential.pk, token_expires_at=credential.token_expires_at
    )
    if not rows.update(**renewed):
        # Somebody disconnected or connected again meanwhile: theirs stays, ours must not live on.
        oauth.revoke(grant.access_token)
        raise UnavailableError("The connection changed while its token was renewed.")
    for name, value in renewed.items():
        setattr(credential, name, value)


def _note(credential: IntegrationCredential, action: str) -> None:
    record(action, team_id=credential.team_id, object_name=credential.account_login)
