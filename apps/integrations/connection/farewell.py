"""Requests left for GitHub after a connection has ended here: hooks to delete, a token to revoke.

Locally everything is deleted at once. The remaining requests are rows with due times, so an outage
or a killed worker loses nothing. After a week the token is deleted, and the page says what its
owner must do by hand.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access import oauth, token_ends
from apps.integrations.access.conversation import StoredToken
from apps.integrations.access.door import open_github
from apps.integrations.access.problems import UNREACHABLE, ConnectError
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    ScopeMissingError,
    UnavailableError,
)
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.work import budget, leases, policy
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.teams.models import Team

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=7)
AHEAD = timedelta(minutes=1)

BY_HAND = "GitHub did not take it within a week."
REJECTED = "GitHub does not accept the token any more."
Kind = IntegrationCredential.Kind


def to(
    credential: IntegrationCredential, hooks: list[dict[str, Any]], *, ends: bool = True
) -> Farewell | None:
    """Takes over what a credential must still do at GitHub, if anything.

    It takes the credential's token too, unless another connection needs it. The caller then empties
    the credential in the same transaction. The token is revoked at the end (`ends`), unless another
    credential uses the same one.
    """
    if credential.integrations.filter(disconnected_at=None).exists():
        return _keep(credential, hooks, credential=credential) if hooks else None
    handed_over = Farewell.objects.filter(credential=credential)
    hooks = [hook for former in handed_over for hook in former.hooks] + hooks
    handed_over.delete()
    is_alive = bool(credential.access_token) and credential.kind != Kind.ENVIRONMENT
    revoked = ends and is_alive and credential.kind in (Kind.OAUTH, Kind.APP)
    if not (hooks or revoked):
        return None
    return _keep(
        credential,
        hooks,
        access_token=credential.access_token if is_alive else "",
        refresh_token=credential.refresh_token if is_alive else "",
        token_expires_at=credential.token_expires_at,
        is_to_revoke=revoked,
    )


def end_token(team_id: int | None, token: str, owner: IntegrationCredential) -> None:
    """Revokes an unneeded OAuth token at GitHub; later if GitHub does not respond."""
    if owner.kind == Kind.OAUTH and token and not token_ends.end_oauth(token):
        _keep(owner, [], team_id=team_id, access_token=token, is_to_revoke=True)


def _keep(owner: IntegrationCredential, hooks: list[dict[str, Any]], **fields: Any) -> Farewell:
    now = timezone.now()
    return Farewell.objects.create(
        **{"team_id": owner.team_id, **fields},
        host=settings.GITHUB_URL,
        kind=owner.kind,
        account_id=owner.account_id,
        account_login=owner.account_login,
        hooks=hooks,
        due_at=now,
        gives_up_at=now + KEPT_FOR,
    )


def of_team(team: Team) -> QuerySet[Farewell]:
    """The farewells to show to a team's admins."""
    return Farewell.objects.filter(team=team)


def _due(now: datetime) -> QuerySet[Farewell]:
    # A token is sent only to the host that issued it.
    rows: QuerySet[Farewell] = Farewell.objects.filter(host=settings.GITHUB_URL, due_at__lte=now)
    return rows.order_by("due_at")


def go_on(row: Farewell, now: datetime) -> bool:
    """Deletes a hook; revokes the token once no hook is left. Returns whether all is done."""
    claim = leases.claim_row(CHORE.name, row.pk, at_once=True)
    if claim is None:
        return False
    CHORE.attempt(row, claim, now)
    return not Farewell.objects.filter(pk=row.pk).exists()


def _go_on(row: Farewell, now: datetime) -> None:
    if row.gives_up_at <= now:
        give_up(row, BY_HAND)
        return
    _delete_a_hook(row)
    if row.hooks:
        due_at = timezone.now() + budget.BETWEEN_WRITES
        Farewell.objects.filter(pk=row.pk).update(due_at=due_at, attempts=0, error="")
        return
    if row.is_to_revoke:
        _revoke(row)
    _finish(row)


def _store_error(row: Farewell, error: GitHubError, verdict: Verdict) -> None:
    if verdict.kind is policy.Kind.REJECTED:
        row.is_to_revoke = False  # The token is invalid already.
        give_up(row, REJECTED)
        return
    due_at = verdict.again_at or timezone.now() + policy.TRY_AGAIN
    Farewell.objects.filter(pk=row.pk).update(
        attempts=row.attempts + 1, due_at=min(due_at, row.gives_up_at), error=error.message
    )


CHORE = Chore("farewell", _due, _go_on, store_error=_store_error)


def _delete_a_hook(row: Farewell) -> None:
    if row.hooks:
        with _conversation(row) as github:
            _delete(row, row.hooks[0], github)
        row.hooks = row.hooks[1:]
        Farewell.objects.filter(pk=row.pk).update(hooks=row.hooks)


def _conversation(row: Farewell) -> GitHub:
    account = f"user:{row.account_id}" if row.account_id else ""
    if row.credential:
        account = budget.account_of(row.credential)
    return open_github(KeptToken(row), account)


def _delete(row: Farewell, hook: dict[str, Any], github: GitHub) -> None:
    owner_field = "organization_id" if hook.get("organization_id") else "github_repo_id"
    mine = {owner_field: hook.get("organization_id") or hook["repository_id"]}
    if Hook.objects.filter(host=settings.GITHUB_URL, **mine).exists():
        return  # A team tracks it again and has taken over the hook.
    try:
        github.rest("DELETE", hook["path"])
    except (NotFoundError, ScopeMissingError):
        log.info("The hook of %s is gone already, or not ours to delete.", hook["repository"])
    record("github.hook.removed", team_id=row.team_id, object_name=hook["repository"])
    # A team that has just begun to track it may have taken over the hook: check that again.
    rows = (GitHubIntegration if owner_field == "organization_id" else TrackedRepository).objects
    live = {"wants_one_hook": True} if owner_field == "organization_id" else {"is_active": True}
    rows.filter(**live, **mine).update(hook_due_at=timezone.now())


def _revoke(row: Farewell) -> None:
    if row.kind == Kind.APP:
        # It expires within the hour, so one attempt is enough.
        token_ends.end_installation(row.access_token)
        row.is_to_revoke = False
        return
    is_last = not _has_others(row)
    if not token_ends.end_oauth(row.access_token, whole_grant=is_last):
        raise UnavailableError("GitHub did not confirm that the token is revoked.")
    row.is_to_revoke = False
    record(
        "github.token.revoked",
        team_id=row.team_id,
        object_name=row.account_login,
        whole_authorization=is_last,
    )


def _has_others(row: Farewell) -> bool:
    """Whether another connection here depends on the same user's authorisation of our app."""
    mine = {"kind": Kind.OAUTH, "account_id": row.account_id}
    return (
        IntegrationCredential.objects.filter(**mine).exclude(access_token="").exists()
        or Farewell.objects.filter(**mine).exclude(access_token="").exclude(pk=row.pk).exists()
    )


def give_up(row: Farewell, why: str) -> None:
    """Deletes the token; the page then lists what a person must do by hand."""
    record(
        "github.farewell.given_up",
        team_id=row.team_id,
        object_name=row.account_login,
        hooks_left=[hook["repository"] for hook in row.hooks],
        token_left=row.is_to_revoke,
    )
    Farewell.objects.filter(pk=row.pk).update(
        access_token="",
        refresh_token="",
        token_expires_at=None,
        credential=None,
        due_at=None,
        error=why,
        hooks=row.hooks,
        is_to_revoke=row.is_to_revoke,
    )


def _finish(row: Farewell) -> None:
    record("github.farewell.done", team_id=row.team_id, object_name=row.account_login)
    Farewell.objects.filter(pk=row.pk).delete()


@dataclass(frozen=True)
class KeptToken:
    """A farewell's token: from the connection that continues, else the one kept for it."""

    row: Farewell

    def token(self) -> str:
        """The token, renewed if it has expired. Raises a `GitHubError`."""
        if self.row.credential:
            return StoredToken(self.row.credential).token()
        expires_at = self.row.token_expires_at
        if expires_at and expires_at <= timezone.now() + AHEAD:
            self._renew()
        if not self.row.access_token:
            raise CredentialsRejectedError("There is no token for GitHub.")
        return str(self.row.access_token)

    def instead_of(self, refused: str, error: CredentialsRejectedError) -> str:
        """None: no other worker renews it, except for a connection that continues."""
        if self.row.credential is None:
            return ""
        return StoredToken(self.row.credential).instead_of(refused, error)

    def _renew(self) -> None:
        # The row is claimed, so no other worker renews it at the same time.
        try:
            grant = oauth.refresh(self.row.refresh_token)
        except ConnectError as error:
            if error.problem is UNREACHABLE:
                raise UnavailableError(error.problem.message) from None
            raise CredentialsRejectedError(REJECTED) from None
        renewed = {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "token_expires_at": grant.expires_at,
        }
        Farewell.objects.filter(pk=self.row.pk).update(**renewed)
        for name, value in renewed.items():
            setattr(self.row, name, value)
