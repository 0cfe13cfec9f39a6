"""Renews expiring tokens: by one worker at a time, stored before use.

An OAuth refresh invalidates both old tokens, so two workers must not refresh at once, and a new
token must not be lost. Installation tokens of the GitHub App are renewed the same way.
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access import github_app, oauth, token_ends
from apps.integrations.access.problems import UNREACHABLE, ConnectError
from apps.integrations.github import apps
from apps.integrations.github.errors import CredentialsRejectedError, GitHubError, UnavailableError
from apps.integrations.models import IntegrationCredential
from apps.integrations.work import leases, policy
from apps.integrations.work.leases import Claim

TOKEN_FIELDS = ["access_token", "refresh_token", "token_expires_at", "installation_id"]
AHEAD = timedelta(minutes=10)
CHORE = "token"

REFUSED = "GitHub did not renew the token."
BUSY = "The token is just being renewed."
FRESH = "GitHub may not know the renewed token everywhere yet."
SETTLES = timedelta(minutes=1)
NO_APP = "No GitHub App is set up on this installation any more."


def keep_good(credential: IntegrationCredential) -> None:
    """Renews a token that is about to expire. Raises a `GitHubError` if none is valid then."""
    now = timezone.now()
    expires_at = credential.token_expires_at
    if not _is_renewable(credential) or (expires_at and expires_at > now + AHEAD):
        return
    if claim := leases.claim_row(CHORE, credential.pk):
        _renew_once(credential, claim)
    elif not expires_at or expires_at <= now:
        raise UnavailableError(BUSY)


def replace_refused(credential: IntegrationCredential) -> str:
    """A new installation token instead of one that GitHub refused; empty for other credentials.

    Raises `UnavailableError` for a token that has just been made: GitHub's servers learn of it one
    after the other.
    """
    if leases.rests(CHORE, credential.pk):
        raise UnavailableError(FRESH)
    if not credential.installation_id:
        return ""
    claim = leases.claim_row(CHORE, credential.pk)
    if claim is None:
        raise UnavailableError(BUSY)
    _renew_once(credential, claim)
    return str(credential.access_token)


def is_being_renewed(credential: IntegrationCredential) -> bool:
    """Whether another worker is renewing it."""
    return leases.held(CHORE).filter(key=credential.pk).exists()


def _is_renewable(credential: IntegrationCredential) -> bool:
    if credential.installation_id:
        return True
    return bool(credential.refresh_token and credential.token_expires_at)


def try_again(credential_id: int) -> None:
    """Lets a failed renewal be retried at once, at a user's request."""
    leases.forgive(CHORE, [credential_id])


def _renew_once(credential: IntegrationCredential, claim: Claim) -> None:
    """Renews the credential's token, unless another worker has just done so."""
    try:
        with claim.held():
            if _as_read(credential).exists():
                _renew(credential)
            else:
                _read_anew(credential)
    except GitHubError as error:
        verdict = policy.answer(error, claim.failures)
        claim.postpone(verdict.again_at, verdict.failures)
        raise
    claim.postpone(timezone.now() + SETTLES)


def _read_anew(credential: IntegrationCredential) -> None:
    kept = IntegrationCredential.objects.filter(pk=credential.pk).only(*TOKEN_FIELDS).first()
    for name in TOKEN_FIELDS:
        setattr(credential, name, getattr(kept or IntegrationCredential(), name))


def _as_read(credential: IntegrationCredential) -> QuerySet[IntegrationCredential]:
    found: QuerySet[IntegrationCredential] = IntegrationCredential.objects.filter(
        pk=credential.pk,
        token_expires_at=credential.token_expires_at,
        installation_id=credential.installation_id,
    )
    return found


def _renew(credential: IntegrationCredential) -> None:
    grant = _of_installation(credential) if credential.installation_id else _of_user(credential)
    _store(credential, grant)
    if not credential.installation_id:  # which would log every hour
        _audit(credential, "github.token.refreshed")


def _of_user(credential: IntegrationCredential) -> oauth.Grant:
    try:
        return oauth.refresh(credential.refresh_token)
    except ConnectError as error:
        if error.problem is UNREACHABLE:
            raise UnavailableError("GitHub cannot be reached to renew the token.") from None
        raise CredentialsRejectedError(REFUSED) from None


def _of_installation(credential: IntegrationCredential) -> oauth.Grant:
    app = github_app.current()
    if app is None:
        raise CredentialsRejectedError(NO_APP)
    with github_app.conversation(app) as github:
        made = apps.new_token(github, credential.installation_id or 0)
    return oauth.Grant(made.token, "", made.expires_at, [])


def _store(credential: IntegrationCredential, grant: oauth.Grant) -> None:
    renewed = {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "token_expires_at": grant.expires_at,
    }
    if not _as_read(credential).update(**renewed):
        # The credential was disconnected or connected again meanwhile: revoke only the new token.
        _end(credential, grant.access_token)
        raise UnavailableError("The connection changed while its token was renewed.")
    for name, value in renewed.items():
        setattr(credential, name, value)


def _end(credential: IntegrationCredential, token: str) -> None:
    if credential.installation_id:
        token_ends.end_installation(token)
    else:
        token_ends.end_oauth(token)


def _audit(credential: IntegrationCredential, action: str) -> None:
    record(action, team_id=credential.team_id, object_name=credential.account_login)
