"""/app, /app-manifests and /installation: GitHub Apps, their installations and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from .. import app_events, apps
from ..instants import zulu
from ..registrations import AppError
from ..world import GitHubApp, Hook, Installation, Repository, Token
from .accounts import Json
from .app_shapes import app_shape, installation_shape
from .endpoint import NOT_FOUND, Call, RefusedError, endpoint
from .hook_shapes import config
from .hooks import changed_config, delivery_pages, found_delivery
from .repository_shapes import listed_repository

NO_JWT = "A JSON web token could not be decoded"
SUSPENDED = "This installation has been suspended"


def _app(call: Call) -> GitHubApp:
    app: GitHubApp | None = call.request.state.github_app
    if app is None:
        raise RefusedError(401, NO_JWT)
    return app


def _installation(call: Call) -> Installation:
    found = call.world.installations.get(int(call.parameter("installation_id")))
    if found is None or found.app is not _app(call):
        raise NOT_FOUND
    return found


def _shape(call: Call, app: GitHubApp) -> Json:
    mine = [each for each in call.world.installations.values() if each.app is app]
    return app_shape(call.url, app, len(mine))


async def itself(call: Call) -> Any:
    return _shape(call, _app(call))


async def converted(call: Call) -> Any:
    """The secrets of an app created from a manifest: returned once, within an hour."""
    try:
        found = call.simulator.registrations.redeem(
            call.parameter("code"), call.simulator.clock.now()
        )
    except AppError as error:
        raise RefusedError(error.status, error.message) from error
    hook = found.app.hook
    return {
        **_shape(call, found.app),
        "client_secret": found.client_secret,
        "webhook_secret": hook.secret if hook else None,
        "pem": found.private_key,
    }


async def installations(call: Call) -> Any:
    app = _app(call)
    mine = [each for each in call.world.installations.values() if each.app is app]
    return [installation_shape(call.url, each) for each in call.page(mine)]


async def installation(call: Call) -> Any:
    return installation_shape(call.url, _installation(call))


async def new_token(call: Call) -> Any:
    found, sent = _installation(call), await call.body()
    if found.suspended_at:
        raise RefusedError(403, SUSPENDED)
    asked = sent.get("permissions")
    held = found.permissions
    if asked and any(held.get(name) not in (level, "write") for name, level in asked.items()):
        message = "The permissions requested are not granted to this installation."
        raise RefusedError(422, message)
    token = apps.new_installation_token(call.simulator, found, asked)
    return {
        "token": token.value,
        "expires_at": zulu(token.expires_at) if token.expires_at else None,
        "permissions": dict(token.permissions),
        "repository_selection": "all" if found.repositories is None else "selected",
    }


async def uninstalled(call: Call) -> None:
    app_events.uninstall(call.simulator, _installation(call))


def _own_token(call: Call) -> tuple[Token, Installation]:
    token = call.access.token
    if token is None:
        raise RefusedError(401, "Requires authentication")
    if token.installation is None:
        raise RefusedError(403, "Resource not accessible by personal access token")
    return token, token.installation


async def revoked(call: Call) -> None:
    token, _ = _own_token(call)
    token.revoked = True


async def own_repositories(call: Call) -> Any:
    _, found = _own_token(call)
    return _counted(call, apps.reached(call.world, found))


def _counted(call: Call, found: Sequence[Repository]) -> Json:
    shown = [listed_repository(call, repository) for repository in call.page(found)]
    return {"total_count": len(found), "repositories": shown}


async def of_user(call: Call) -> Any:
    """The installations of a user's token: of the app that created it."""
    token, account = call.signed_in()
    if not token.value.startswith("ghu_"):
        raise RefusedError(
            403, "You must authenticate with an access token authorized to a GitHub App"
        )
    found = apps.of_person(call.world, account, token.client_id or "")
    shown = [installation_shape(call.url, each) for each in call.page(found)]
    return {"total_count": len(found), "installations": shown}


def _hook(call: Call) -> Hook:
    hook = _app(call).hook
    if hook is None:
        raise NOT_FOUND
    return hook


async def hook_config(call: Call) -> Any:
    return config(_hook(call))


async def change_hook_config(call: Call) -> Any:
    return changed_config(call, _hook(call), await call.body())


async def deliveries(call: Call) -> Any:
    return delivery_pages(call, _hook(call))


async def redeliver(call: Call) -> Any:
    call.simulator.deliveries.redeliver(found_delivery(call, _hook(call)))
    return JSONResponse({}, 202)


_ONE = "/app/installations/{installation_id:int}"
routes = [
    endpoint("/app", itself),
    endpoint("/app-manifests/{code}/conversions", converted, method="POST", status=201),
    endpoint("/app/installations", installations),
    endpoint(_ONE, installation),
    endpoint(_ONE, uninstalled, method="DELETE"),
    endpoint(f"{_ONE}/access_tokens", new_token, method="POST", status=201),
    endpoint("/app/hook/config", hook_config),
    endpoint("/app/hook/config", change_hook_config, method="PATCH"),
    endpoint("/app/hook/deliveries", deliveries),
    endpoint("/app/hook/deliveries/{delivery_id:int}/attempts", redeliver, method="POST"),
    endpoint("/installation/token", revoked, method="DELETE"),
    endpoint("/installation/repositories", own_repositories),
    endpoint("/user/installations", of_user),
]
