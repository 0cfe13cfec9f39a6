"""Connects by the GitHub App: to its installation page on GitHub, and back.

The installation id in the URL that GitHub redirects to proves nothing: anyone can type one. It
counts only if GitHub lists it for the person's own authorisation.
https://docs.github.com/en/apps/using-github-apps/installing-a-github-app-from-a-third-party
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from django.http import HttpRequest, QueryDict

from apps.audit.record import record
from apps.integrations.access import (
    connect_state,
    github_app,
    installed,
    oauth,
    problems,
    token_ends,
)
from apps.integrations.access.connect_state import State
from apps.integrations.access.github_app import App
from apps.integrations.access.problems import ConnectError
from apps.integrations.connection import connecting
from apps.integrations.github.errors import GitHubError
from apps.integrations.models import IntegrationCredential
from apps.teams.models import Team

INSTALL, IDENTIFY = "app", "installed"
METHODS = (INSTALL, IDENTIFY)


@dataclass(frozen=True)
class Next:
    """The next step: another page of GitHub, this account, or a choice."""

    url: str = ""
    account_id: int | None = None


def begin(
    request: HttpRequest, team: Team, organization_id: int | None = None, method: str = INSTALL
) -> str:
    """The GitHub URL to send the browser to. Raises ConnectError."""
    app = _app()
    record("github.connect.begun", team_id=team.pk, request=request, method="app")
    if method == IDENTIFY:
        if not app.proves_users:
            raise ConnectError(problems.APP_PROVES_NOBODY)
        return _identify(request, team, app, organization_id)
    signed, state = connect_state.issue(request.user.pk or 0, team, organization_id, INSTALL)
    connect_state.remember(request, state)
    return f"{app.page}/installations/new?state={quote(signed)}"


def finish(request: HttpRequest, team: Team, state: State, answer: QueryDict) -> Next:
    """Processes GitHub's response: stores a pending credential, or asks who the person is.

    Raises ConnectError.
    """
    verifier = connect_state.redeem(request, answer.get("state", ""), state)
    if error := answer.get("error", ""):
        raise ConnectError(problems.from_code(error))
    if answer.get("setup_action") == "request":
        raise ConnectError(problems.INSTALL_REQUESTED)
    app, installation_id = _app(), _number(answer.get("installation_id", ""))
    if not app.proves_users:
        return _by_staff(request, team, installation_id)
    code = answer.get("code", "")
    if not code:
        return Next(url=_identify(request, team, app, state.organization_id))
    credential = _pending(request, team, app, code, verifier)
    if installation_id is None:
        return Next()
    for found in installed.listed(credential):
        if found.id == installation_id:
            return Next(account_id=found.account.id)
    raise ConnectError(problems.not_visible(str(installation_id)))


def _app() -> App:
    try:
        app = github_app.named()
    except GitHubError as error:
        raise ConnectError(problems.from_github(error)) from None
    if app is None:
        raise ConnectError(problems.NO_APP)
    return app


def _identify(request: HttpRequest, team: Team, app: App, organization_id: int | None) -> str:
    signed, state = connect_state.issue(request.user.pk or 0, team, organization_id, IDENTIFY)
    url, verifier = oauth.authorize_url(request, signed, (), app.client)
    connect_state.remember(request, state, verifier)
    return url


def _pending(
    request: HttpRequest, team: Team, app: App, code: str, verifier: str
) -> IntegrationCredential:
    verifier = "" if verifier == connect_state.NO_PKCE else verifier
    grant = oauth.exchange(request, code, verifier, app.client)
    try:
        owner = connecting.owner_of(grant.access_token)
    except ConnectError:
        token_ends.end_app_user(grant.access_token)
        raise
    return connecting.lock_team(
        request,
        team,
        owner,
        kind=IntegrationCredential.Kind.APP,
        access_token=grant.access_token,
        token_expires_at=grant.expires_at,
    )


def _by_staff(request: HttpRequest, team: Team, installation_id: int | None) -> Next:
    """Staff hold the App's key and could read everything anyway."""
    if not getattr(request.user, "is_staff", False) or installation_id is None:
        raise ConnectError(problems.APP_PROVES_NOBODY)
    pending = IntegrationCredential(
        kind=IntegrationCredential.Kind.APP, installation_id=installation_id
    )
    [found] = installed.listed(pending)
    connecting.lock_team(
        request,
        team,
        found.account,
        kind=IntegrationCredential.Kind.APP,
        installation_id=installation_id,
    )
    return Next(account_id=found.account.id)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
