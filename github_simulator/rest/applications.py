"""/applications/{client_id}: an app checks, resets and revokes its tokens."""

from __future__ import annotations

from typing import Any

from ..grants import normalized
from ..instants import optional_zulu as written
from ..world import OAuthApp, Token
from .accounts import Json, simple_user
from .endpoint import NOT_FOUND, Call, RefusedError, endpoint

_PATH = "/applications/{client_id}"


async def check(call: Call) -> Any:
    app, token = await _named(call)
    return _authorization(call, app, token)


async def reset(call: Call) -> Any:
    app, token = await _named(call)
    return _authorization(call, app, call.simulator.authorizations.reset(token))


async def revoke(call: Call) -> None:
    _, token = await _named(call)
    token.revoked = True


async def revoke_grant(call: Call) -> None:
    app, token = await _named(call)
    call.simulator.authorizations.revoke_grant(app, token.account)


async def _named(call: Call) -> tuple[OAuthApp, Token]:
    app: OAuthApp | None = call.request.state.oauth_app
    if app is None:
        raise RefusedError(401, "Requires authentication")
    if app.client_id != call.parameter("client_id"):
        raise NOT_FOUND
    value = (await call.body()).get("access_token")
    if not isinstance(value, str):
        raise RefusedError(422, 'Invalid request.\n\n"access_token" wasn\'t supplied.')
    token = call.world.tokens.get(value)
    now = call.simulator.clock.now()
    if token is None or token.revoked or token.client_id != app.client_id:
        raise NOT_FOUND
    if token.expires_at and token.expires_at <= now:
        raise NOT_FOUND
    return app, token


def _authorization(call: Call, app: OAuthApp, token: Token) -> Json:
    now = written(call.simulator.clock.now())
    return {
        "id": token.account.id,
        "url": f"{call.api}/authorizations/{token.account.id}",
        "app": {"name": app.name, "url": call.url, "client_id": app.client_id},
        "token": token.value,
        "hashed_token": "",
        "token_last_eight": token.value[-8:],
        "note": None,
        "note_url": None,
        "created_at": now,
        "updated_at": now,
        "scopes": normalized(token.scopes),
        "fingerprint": None,
        "expires_at": written(token.expires_at),
        "user": simple_user(call.url, token.account),
    }


routes = [
    endpoint(f"{_PATH}/token", check, method="POST"),
    endpoint(f"{_PATH}/token", reset, method="PATCH"),
    endpoint(f"{_PATH}/token", revoke, method="DELETE"),
    endpoint(f"{_PATH}/grant", revoke_grant, method="DELETE"),
]
