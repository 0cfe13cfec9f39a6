"""Connects GitHub to a team: to GitHub and back, choosing the organisation, disconnecting.

Between GitHub's response and the choice of an organisation, the token is stored encrypted in a
credential without an integration: invisible, not used otherwise, and deleted soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.access import connect_state, installed, oauth, problems, token_ends
from apps.integrations.access.connect_state import State
from apps.integrations.access.door import with_token
from apps.integrations.access.problems import ConnectError
from apps.integrations.connection import farewell
from apps.integrations.github import people, scopes
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CredentialsRejectedError,
    GitHubError,
    NotFoundError,
    OrganizationRestrictedError,
    ScopeMissingError,
)
from apps.integrations.github.people import Account
from apps.integrations.hooks import organization_hooks, repository_hooks
from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    IntegrationCredential,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.repositories import resumption
from apps.integrations.work.chores import Chore
from apps.teams.models import Team

METHOD = "oauth"
PENDING_FOR = timedelta(hours=1)
Kind = IntegrationCredential.Kind


@dataclass(frozen=True)
class Choice:
    """The accounts with which a pending connection can be completed."""

    accounts: list[Account]
    preselected: int
    hidden_by_single_sign_on: int = 0
    is_unlisted: bool = False
    """Whether GitHub lists no organisations for this kind of token, whatever it may read."""


def connected(team: Team) -> QuerySet[GitHubIntegration]:
    """The organisations and accounts that the team is connected to."""
    found = GitHubIntegration.objects.for_team(team)
    return (
        found.filter(disconnected_at=None)
        .select_related("credential")
        .order_by("organization_slug")
    )


def begin(
    request: HttpRequest, team: Team, organization_id: int | None = None, *, for_hook: bool = False
) -> str:
    """The GitHub URL to send the browser to. Raises ConnectError.

    `for_hook` also asks for the scope of an organisation hook, and creates the hook in the end.
    """
    if not settings.GITHUB_CLIENT_ID:
        raise ConnectError(problems.NOT_CONFIGURED)
    signed, state = connect_state.issue(
        request.user.pk or 0, team, organization_id, METHOD, for_hook=for_hook
    )
    # A new token replaces the account's former one: it must not be able to do less.
    has_hook = for_hook or connected(team).filter(wants_one_hook=True).exists()
    more = (scopes.ORGANIZATION_HOOK,) if has_hook else ()
    url, verifier = oauth.authorize_url(request, signed, (*scopes.NEEDED, *more))
    connect_state.remember(request, state, verifier)
    record("github.connect.begun", team_id=team.pk, request=request, method=METHOD)
    return url


def finish(request: HttpRequest, team: Team, state: State, answer: QueryDict) -> None:
    """Processes GitHub's response and stores a pending credential. Raises ConnectError."""
    verifier = connect_state.redeem(request, answer.get("state", ""), state)
    if error := answer.get("error", ""):
        raise ConnectError(problems.from_code(error))
    grant = oauth.exchange(request, answer.get("code", ""), verifier)
    try:
        lacking = scopes.missing(grant.scopes)
        if lacking:
            raise ConnectError(problems.too_few_scopes(lacking))
        owner = owner_of(grant.access_token)
    except ConnectError:
        token_ends.end_oauth(grant.access_token)
        raise
    lock_team(
        request,
        team,
        owner,
        kind=Kind.OAUTH,
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        token_expires_at=grant.expires_at,
        scopes=grant.scopes,
    )


def begin_with_token(request: HttpRequest, team: Team, token: str) -> None:
    """Stores a pasted personal access token as a pending credential. Raises ConnectError."""
    record("github.connect.begun", team_id=team.pk, request=request, method="token")
    granted = _scopes_of(token)
    if granted is not None and (lacking := scopes.missing(granted)):
        raise ConnectError(problems.too_few_scopes(lacking))
    owner = owner_of(token)
    lock_team(request, team, owner, kind=Kind.TOKEN, access_token=token, scopes=granted or [])


def pending(request: HttpRequest, team: Team) -> IntegrationCredential | None:
    """The pending credential for which this user must choose an organisation."""
    since = timezone.now() - PENDING_FOR
    mine = _unused().filter(team=team, connected_by=request.user.pk, created_at__gt=since)
    return mine.order_by("-pk").first()


def choice(credential: IntegrationCredential) -> Choice:
    """What can be chosen, the only organisation first. Raises ConnectError."""
    if credential.kind == Kind.APP:
        found = [each.account for each in installed.listed(credential)]
        return Choice(found, found[0].id)
    with with_token(credential.access_token) as github:
        try:
            owner = people.account(github)
            organizations = list(people.organizations(github))
            hidden = _hidden_by_single_sign_on(github)
        except GitHubError as error:
            raise ConnectError(problems.from_github(error)) from None
    accounts = [*organizations, owner]
    # "Requests using a fine-grained access token will receive … an empty list."
    # https://docs.github.com/en/rest/orgs/orgs#list-organizations-for-the-authenticated-user
    is_unlisted = not organizations and credential.kind == Kind.TOKEN and not credential.scopes
    return Choice(accounts, 0 if is_unlisted else accounts[0].id, hidden, is_unlisted)


def choose(request: HttpRequest, credential: IntegrationCredential, name: str) -> GitHubIntegration:
    """Completes a pending connection with the organisation or account of that login or id.

    Raises ConnectError if the token cannot see it; the credential then stays pending.
    """
    user_token = ""
    if credential.kind == Kind.APP:
        user_token, account = credential.access_token, _claim(credential, name.strip())
    else:
        account = _visible(credential, name.strip())
    former_token = _former_token(credential)
    integration, dropped = _store(credential, account)
    farewell.end_token(integration.team_id, former_token, integration.credential)
    token_ends.end_app_user(user_token)
    if dropped:
        farewell.go_on(dropped, timezone.now())
        nudge()
    record(
        "github.connect.completed",
        team_id=integration.team_id,
        request=request,
        object_name=account.login,
        method=credential.kind,
    )
    return integration


def _claim(credential: IntegrationCredential, name: str) -> Account:
    """The account of an installation, to which the credential is then bound."""
    found = installed.claimed(credential, name)
    credential.installation_id = found.id
    credential.account_id, credential.account_login = found.account.id, found.account.login
    credential.access_token, credential.token_expires_at = "", None
    return found.account


def cancel(credential: IntegrationCredential) -> None:
    """Cancels a pending connection and revokes its token."""
    if credential.kind == Kind.APP:
        token_ends.end_app_user(credential.access_token)
    farewell.end_token(credential.team_id, credential.access_token, credential)
    credential.delete()


def _abandoned(now: datetime) -> QuerySet[IntegrationCredential]:
    return _unused().filter(created_at__lte=now - PENDING_FOR)


def _forget(credential: IntegrationCredential, now: datetime) -> None:
    """Cancels connections that waited for a choice for too long."""
    cancel(credential)


ABANDONED = Chore("abandoned connection", _abandoned, _forget)


def _unused() -> QuerySet[IntegrationCredential]:
    return IntegrationCredential.objects.filter(
        integrations=None, kind__in=[Kind.OAUTH, Kind.TOKEN, Kind.APP]
    )


def lock_team(
    request: HttpRequest, team: Team, owner: Account, **fields: object
) -> IntegrationCredential:
    """Stores a token until its user has chosen an organisation; cancels a former pending one."""
    for former in _unused().filter(team=team, connected_by=request.user.pk):
        cancel(former)
    return IntegrationCredential.objects.create(
        team=team,
        connected_by_id=request.user.pk,
        account_id=owner.id,
        account_login=owner.login,
        **fields,
    )


def owner_of(token: str) -> Account:
    """The account that the token belongs to. Raises ConnectError."""
    with with_token(token) as github:
        try:
            return people.account(github)
        except GitHubError as error:
            raise ConnectError(problems.from_github(error)) from None


def _scopes_of(token: str) -> list[str] | None:
    with with_token(token) as github:
        try:
            return github.get("/user").scopes
        except CredentialsRejectedError:
            raise ConnectError(problems.TOKEN_REJECTED) from None
        except GitHubError as error:
            raise ConnectError(problems.from_github(error)) from None


def _hidden_by_single_sign_on(github: GitHub) -> int:
    """How many organisations GitHub hid, because the token has no SAML session there."""
    partial = github.get("/user/orgs").headers.get("x-github-sso", "")
    _, found, ids = partial.partition("organizations=")
    return len(ids.split(",")) if found else 0


def _visible(credential: IntegrationCredential, name: str) -> Account:
    with with_token(credential.access_token) as github:
        try:
            account = _listed(github, name) or _named(github, credential, name)
            if account.type == "Organization":
                _try(github, account.login)
        except OrganizationRestrictedError:
            raise ConnectError(problems.restricted(name)) from None
        except NotFoundError:
            is_token = credential.kind == Kind.TOKEN
            tell = problems.not_visible_to_token if is_token else problems.not_visible
            raise ConnectError(tell(name)) from None
        except GitHubError as error:
            raise ConnectError(problems.from_github(error)) from None
    return account


def _listed(github: GitHub, name: str) -> Account | None:
    for account in [*people.organizations(github), people.account(github)]:
        if name.lower() in (account.login.lower(), str(account.id)):
            return account
    return None


def _named(github: GitHub, credential: IntegrationCredential, name: str) -> Account:
    """An organisation that GitHub did not list. Raises the reason if GitHub gives one."""
    if not problems.is_login(name):
        raise NotFoundError("That is no name of an organisation.")
    account = people.organization(github, name)
    if credential.scopes and not people.is_member(github, name):
        raise NotFoundError("Not a member.")
    return account


def _try(github: GitHub, organization: str) -> None:
    """Raises the reason why the token cannot access the organisation, such as single sign-on."""
    try:
        github.get(f"/orgs/{organization}/members", per_page=1)
    except (ScopeMissingError, NotFoundError):
        return  # Members stay unknown; pull requests can still be read.


@transaction.atomic
def _store(
    fresh: IntegrationCredential, account: Account
) -> tuple[GitHubIntegration, Farewell | None]:
    """Stores the connection; also returns the farewell of another user's token that it replaces."""
    dropped = None
    fresh.save()
    credential = _replace_token(fresh) or fresh
    integration: GitHubIntegration
    integration, _ = GitHubIntegration.objects.select_for_update().get_or_create(
        team=fresh.team,
        organization_id=account.id,
        defaults={"credential": credential, "organization_slug": account.login},
    )
    former = integration.credential
    integration.credential = credential
    integration.organization_slug = account.login
    integration.account_type = account.type
    integration.avatar_url = account.avatar_url
    integration.discovery_error = ""
    integration.disconnected_at = None
    integration.save()
    if former.pk != credential.pk:
        needless = _change_hooks(integration, former)
        if not former.integrations.filter(disconnected_at=None).exists():
            dropped = _drop(former, needless)
        elif needless:
            dropped = farewell.to(former, needless)
    resumption.go_on(list(credential.integrations.filter(disconnected_at=None)))
    return integration, dropped


def _change_hooks(
    integration: GitHubIntegration, former: IntegrationCredential
) -> list[dict[str, Any]]:
    """A GitHub App has its own hook; returns the other hooks, to be deleted on GitHub."""
    # Including repositories no longer tracked: their hook may still have to be deleted.
    tracked = TrackedRepository.objects.filter(integration=integration)
    if integration.credential.kind == Kind.APP:
        return organization_hooks.release_all([integration]) + repository_hooks.release_all(tracked)
    if former.kind == Kind.APP:
        tracked.filter(is_active=True).update(hook_due_at=timezone.now())
    return []


def _replace_token(fresh: IntegrationCredential) -> IntegrationCredential | None:
    """Moves a pending token into the same account's former credential, if there is one."""
    former = _same_account(fresh).select_for_update().first()
    if former is None:
        return None
    for field in (
        *("access_token", "refresh_token", "token_expires_at", "scopes", "account_login"),
        "installation_id",
    ):
        setattr(former, field, getattr(fresh, field))
    former.connected_by = fresh.connected_by
    former.connected_at = timezone.now()
    former.rejected_at, former.rejection, former.rejection_said = None, "", ""
    former.save()
    fresh.delete()
    return former


def _same_account(fresh: IntegrationCredential) -> QuerySet[IntegrationCredential]:
    in_use = GitHubIntegration.objects.for_team(fresh.team).values("credential")
    found = IntegrationCredential.objects.for_team(fresh.team)
    return found.filter(kind=fresh.kind, account_id=fresh.account_id, pk__in=in_use).order_by("pk")


def _former_token(fresh: IntegrationCredential) -> str:
    former = _same_account(fresh).first()
    return former.access_token if former else ""


def _drop(former: IntegrationCredential, needless: list[dict[str, Any]]) -> Farewell | None:
    """Deletes a credential's token; returns what is left to do at GitHub."""
    others = IntegrationCredential.objects.filter(account_id=former.account_id)
    used = any(other.access_token == former.access_token for other in others.exclude(pk=former.pk))
    left = farewell.to(former, needless, ends=not used)
    if former.integrations.exists():
        former.access_token = former.refresh_token = ""
        former.token_expires_at = former.installation_id = None
        former.save()
    else:
        former.delete()
    return left
