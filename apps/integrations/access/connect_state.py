"""The OAuth `state` of connecting: signed, valid for ten minutes, tied to a session, used once."""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest

from apps.integrations.access import problems
from apps.teams.models import Team

LIFETIME = timedelta(minutes=10)
_SALT = "integrations.connect"
_SESSION_KEY = "github_connect"
NO_PKCE = "-"  # for flows where GitHub takes no challenge
_KEPT = 5  # connections begun in one session that can still be completed


@dataclass(frozen=True)
class State:
    """Who began a connection, for which team, and which organisation to reconnect, if any.

    `for_hook`: also asks for an organisation hook. `method`: the flow that began it.
    """

    team_id: int
    user_id: int
    nonce: str
    organization_id: int | None
    for_hook: bool = False
    method: str = "oauth"


def issue(
    user_id: int,
    team: Team,
    organization_id: int | None,
    method: str,
    *,
    for_hook: bool = False,
) -> tuple[str, State]:
    """A new state and its signed form."""
    nonce = secrets.token_urlsafe(16)
    state = State(team.pk, user_id, nonce, organization_id, for_hook, method)
    return signing.dumps(list(astuple(state)), salt=_SALT, compress=False), state


def read(signed: str) -> State | None:
    """The content of a signed state, however old; None if we did not sign it."""
    try:
        return State(*signing.loads(signed, salt=_SALT))
    except (signing.BadSignature, TypeError):
        return None


def remember(request: HttpRequest, state: State, verifier: str = NO_PKCE) -> None:
    """Binds the state to this session. `verifier` is PKCE's; it is worthless without the code."""
    begun: list[list[str]] = request.session.get(_SESSION_KEY, [])
    request.session[_SESSION_KEY] = [*begun, [state.nonce, verifier]][-_KEPT:]


def redeem(request: HttpRequest, signed: str, state: State) -> str:
    """The PKCE verifier of a valid state, which cannot be redeemed again. Raises ConnectError."""
    if state.user_id != request.user.pk:
        raise problems.ConnectError(problems.OTHER_USER)
    verifier = _take_verifier(request, state.nonce)
    if _is_old(signed):
        raise problems.ConnectError(problems.EXPIRED)
    return verifier


def _take_verifier(request: HttpRequest, nonce: str) -> str:
    begun: list[list[str]] = request.session.get(_SESSION_KEY, [])
    for entry in begun:
        if entry[0] == nonce:
            verifier, entry[1] = entry[1], ""
            request.session[_SESSION_KEY] = begun
            if not verifier:
                raise problems.ConnectError(problems.REPLAYED)
            return verifier
    raise problems.ConnectError(problems.OTHER_SESSION)


def _is_old(signed: str) -> bool:
    try:
        signing.loads(signed, salt=_SALT, max_age=LIFETIME)
    except signing.SignatureExpired:
        return True
    return False


def forget(request: HttpRequest) -> None:
    """Ends every connection begun in this session."""
    session: Any = request.session
    session.pop(_SESSION_KEY, None)
