"""/repos/…/hooks and /orgs/…/hooks: creating, changing and watching hooks.

https://docs.github.com/rest/repos/webhooks
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import JSONResponse

from .. import payloads
from ..encoding import encoded
from ..hooks import Delivery
from ..world import Hook, Organization, Repository
from .accounts import Json
from .endpoint import (
    NOT_FOUND,
    ORGANIZATION_PATHS,
    PREFIX,
    REPOSITORY_PATHS,
    Call,
    RefusedError,
    endpoints,
    find_organization,
    find_repository,
    guard_organization,
)
from .hook_shapes import config, delivery_item, full_delivery, hook_shape

HOOKS_PER_EVENT = 20
CONFIG_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("url", "content_type", "secret"), (str,)),
    "insecure_ssl": (str, int, float),
}
_ADDRESS = re.compile(r"""https?://[^\s"'<>/?#]+[^\s"'<>]*""")
EVENTS = frozenset(
    (
        "*", "push", "pull_request", "pull_request_review", "pull_request_review_comment",
        "pull_request_review_thread", "repository", "member", "meta", "issues", "issue_comment",
        "create", "delete", "fork", "public", "release", "star", "watch", "label", "milestone",
        "check_run", "check_suite", "status", "workflow_run", "workflow_job", "deployment",
        "deployment_status", "branch_protection_rule", "discussion", "discussion_comment",
    )
)  # fmt: skip
ORGANIZATION_EVENTS = EVENTS | {"organization", "membership", "team", "org_block"}
Home = Repository | Organization


def _home(call: Call) -> Home:
    """The owner of the hooks. Refuses with 404 callers who may not manage them."""
    if call.request.path_params.keys() & {"organization", "organization_id"}:
        organization = find_organization(call)
        guard_organization(call, organization)
        if not call.access.is_owner(organization) or not call.access.has_scope("admin:org_hook"):
            raise NOT_FOUND
        return organization
    repository = find_repository(call)
    wanted = "read:repo_hook" if call.request.method == "GET" else "write:repo_hook"
    if not call.access.has_scope(wanted) or not call.access.may(repository, "admin"):
        raise NOT_FOUND
    if repository.archived and call.request.method != "GET":
        raise RefusedError(403, "Repository was archived so is read-only.")
    return repository


def _hook(call: Call) -> tuple[Home, Hook]:
    home = _home(call)
    hook = home.hooks.get(int(call.parameter("hook_id")))
    if hook is None or not _is_own(call, home, hook):
        raise NOT_FOUND
    return home, hook


def _is_own(call: Call, home: Home, hook: Hook) -> bool:
    """An OAuth app sees only those of an organisation's hooks that it created."""
    token = call.access.token
    of_app = isinstance(home, Organization) and token is not None and token.client_id is not None
    return not of_app or (token is not None and hook.app == token.client_id)


def _shape(call: Call, home: Home, hook: Hook) -> Json:
    return hook_shape(call.url, home, hook, call.simulator.deliveries)


def _invalid(message: str) -> RefusedError:
    error = {"resource": "Hook", "code": "custom", "message": message}
    return RefusedError(422, "Validation Failed", errors=[error])


async def listed(call: Call) -> Any:
    home = _home(call)
    shown = [hook for hook in home.hooks.values() if _is_own(call, home, hook)]
    return [_shape(call, home, hook) for hook in call.page(shown)]


async def shown(call: Call) -> Any:
    return _shape(call, *_hook(call))


async def create(call: Call) -> Any:
    home, body = _home(call), await call.body()
    if body.get("name", "web") != "web":
        raise _invalid("name must be web")
    settings = _settings(body)
    events = _events(home, body.get("events", ["push"]))
    if any(hook.url == settings["url"] for hook in home.hooks.values()):
        raise _invalid(f"Hook already exists on this {_word(home)}")
    for event in events:
        if sum(event in hook.events for hook in home.hooks.values()) >= HOOKS_PER_EVENT:
            message = f'The "{event}" event cannot have more than {HOOKS_PER_EVENT} hooks'
            raise _invalid(message)
    hook = _made(call, home, settings, events)
    hook.active = bool(body.get("active", True))
    _ping(call, home, hook)
    made = _shape(call, home, hook)
    return JSONResponse(made, 201, {"location": made["url"]})


def _word(home: Home) -> str:
    return "repository" if isinstance(home, Repository) else "organization"


def _settings(body: Json) -> dict[str, str]:
    """The submitted config, complete. Refuses with 422."""
    sent = body.get("config")
    if not isinstance(sent, dict) or not sent.get("url"):
        raise _invalid("url cannot be blank")
    if not str(sent["url"]).startswith(("http://", "https://")):
        raise _invalid("url scheme must be http or https")
    if not _ADDRESS.fullmatch(str(sent["url"])):
        raise _invalid(
            "The URL you've entered is not valid. Please make sure that you encode all special "
            "characters first"
        )
    content_type = str(sent.get("content_type", "form"))
    if content_type not in ("json", "form"):
        raise _invalid("content_type must be json or form")
    return {
        "url": str(sent["url"]),
        "content_type": content_type,
        "secret": str(sent.get("secret") or ""),
        "insecure_ssl": str(sent.get("insecure_ssl", "0")),
    }


def _events(home: Home, events: Any) -> list[str]:
    known = EVENTS if isinstance(home, Repository) else ORGANIZATION_EVENTS
    unknown = [event for event in events if event not in known]
    if unknown:
        where = _word(home)
        raise _invalid(f"Events {', '.join(unknown)} cannot be subscribed to by a {where} hook")
    return list(dict.fromkeys(events))


def _made(call: Call, home: Home, settings: dict[str, str], events: list[str]) -> Hook:
    token, account = call.signed_in()
    now = call.simulator.clock.now()
    hook = Hook(
        id=_free_id(call),
        events=events,
        creator=account.id,
        created_at=now,
        updated_at=now,
        app=token.client_id,
        url=settings["url"],
        secret=settings["secret"],
    )
    _apply(hook, settings)
    home.hooks[hook.id] = hook
    return hook


def _free_id(call: Call) -> int:
    homes: list[Home] = [*call.world.repositories.values(), *call.world.organizations.values()]
    return max((number for home in homes for number in home.hooks), default=512_000_000) + 1


async def change(call: Call) -> Any:
    """A config replaces the former one as a whole: without a secret the hook has none then."""
    (home, hook), body = _hook(call), await call.body()
    if "config" in body:
        _apply(hook, _settings(body))
    if "events" in body:
        hook.events = _events(home, body["events"])
    added = _events(home, body.get("add_events", []))
    removed = body.get("remove_events", [])
    hook.events = [e for e in dict.fromkeys([*hook.events, *added]) if e not in removed]
    hook.active = bool(body.get("active", hook.active))
    hook.updated_at = call.simulator.clock.now()
    return _shape(call, home, hook)


def _apply(hook: Hook, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        setattr(hook, name, value)


async def shown_config(call: Call) -> Any:
    return config(_hook(call)[1])


async def change_config(call: Call) -> Any:
    return changed_config(call, _hook(call)[1], await call.body())


def changed_config(call: Call, hook: Hook, body: Json) -> Json:
    """The config after a change; fields not named stay unchanged. Refuses with 422."""
    for name in CONFIG_TYPES.keys() & body.keys():
        _check_type(name, body[name])
    before = {name: getattr(hook, name) for name in ("url", "content_type", "secret")}
    _apply(hook, _settings({"config": {**before, "insecure_ssl": hook.insecure_ssl, **body}}))
    hook.updated_at = call.simulator.clock.now()
    return config(hook)


def _check_type(name: str, value: Any) -> None:
    if not isinstance(value, CONFIG_TYPES[name]) or isinstance(value, bool):
        shown = "nil" if value is None else json.dumps(value)
        message = f"Invalid request.\n\nFor 'properties/{name}', {shown} is not a string."
        raise RefusedError(422, message)


async def delete(call: Call) -> None:
    home, hook = _hook(call)
    if "meta" in hook.events or "*" in hook.events:
        body = payloads.removed(call.simulator, home, hook, _shape(call, home, hook))
        _send(call, home, hook, "meta", "deleted", body)
    del home.hooks[hook.id]


async def ping(call: Call) -> None:
    home, hook = _hook(call)
    _ping(call, home, hook)


def _ping(call: Call, home: Home, hook: Hook) -> None:
    body = payloads.ping(call.simulator, home, hook, _shape(call, home, hook))
    _send(call, home, hook, "ping", None, body)


def _send(call: Call, home: Home, hook: Hook, event: str, action: str | None, body: Json) -> None:
    deliveries = call.simulator.deliveries
    deliveries.send(home, hook, event, action, encoded(body), deliveries.new_guid())


async def deliveries(call: Call) -> Any:
    """Pages by cursor; `status=failure` means responses from 400 on, so no time-outs."""
    return delivery_pages(call, _hook(call)[1])


def delivery_pages(call: Call, hook: Hook) -> list[Json]:
    """A page of a hook's deliveries."""
    found = [d for d in call.simulator.deliveries.of(hook) if _wanted(call, d)]
    cursor = call.query("cursor").removeprefix("v1_")
    if cursor.isdecimal():
        found = [delivery for delivery in found if delivery.id < int(cursor)]
    size = min(int(call.query("per_page", "30")), 100)
    page = found[:size]
    if len(found) > size:
        following = call.request.url.include_query_params(cursor=f"v1_{page[-1].id}")
        path = call.base or call.request.url.path.removeprefix(PREFIX)
        call.headers["link"] = f'<{call.api}{path}?{following.query}>; rel="next"'
    return [delivery_item(delivery) for delivery in page]


def _wanted(call: Call, delivery: Delivery) -> bool:
    match call.query("status"):
        case "success":
            return delivery.succeeded
        case "failure":
            return delivery.status_code >= 400
        case _:
            return True


def _delivery(call: Call) -> Delivery:
    return found_delivery(call, _hook(call)[1])


def found_delivery(call: Call, hook: Hook) -> Delivery:
    """The delivery in the URL. Refuses with 404."""
    wanted = int(call.parameter("delivery_id"))
    found = next((d for d in call.simulator.deliveries.of(hook) if d.id == wanted), None)
    if found is None:
        raise NOT_FOUND
    return found


async def delivery(call: Call) -> Any:
    return full_delivery(_delivery(call))


async def redeliver(call: Call) -> Any:
    call.simulator.deliveries.redeliver(_delivery(call))
    return JSONResponse({}, 202)


Handler = Callable[[Call], Awaitable[Any]]
_ONE = "/hooks/{hook_id:int}"
_SENT = f"{_ONE}/deliveries"
_ADDRESSES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/hooks", listed),
    ("POST", "/hooks", create),
    ("GET", _ONE, shown),
    ("PATCH", _ONE, change),
    ("DELETE", _ONE, delete),
    ("GET", f"{_ONE}/config", shown_config),
    ("PATCH", f"{_ONE}/config", change_config),
    ("POST", f"{_ONE}/pings", ping),
    ("GET", _SENT, deliveries),
    ("GET", f"{_SENT}/{{delivery_id:int}}", delivery),
    ("POST", f"{_SENT}/{{delivery_id:int}}/attempts", redeliver),
)
_HOMES = (
    (REPOSITORY_PATHS, ("admin:repo_hook", "repo", "write:repo_hook"), "repository_hooks"),
    (ORGANIZATION_PATHS, ("admin:org_hook",), "organization_hooks"),
)


def _permission(kind: str, method: str) -> str:
    return f"{kind}={'read' if method == 'GET' else 'write'}"


routes = [
    route
    for prefixes, scopes, kind in _HOMES
    for method, path, handler in _ADDRESSES
    for route in endpoints(
        prefixes,
        path,
        handler,
        method=method,
        scopes=scopes,
        permission=_permission(kind, method),
    )
]
