"""/meta, /rate_limit and /versions."""

from __future__ import annotations

from typing import Any

from ..limits import ANONYMOUS
from .endpoint import NOT_FOUND, Call, endpoint

_UNUSED = ("search", "integration_manifest", "code_search")


async def about(call: Call) -> Any:
    """What an Enterprise Server says of itself; also available from github.com."""
    return {
        "verifiable_password_authentication": False,
        "installed_version": "3.17.0",
        "hooks": ["127.0.0.1/32"],
    }


async def rate_limit(call: Call) -> Any:
    """Free. 404 if the limits are off, as on some Enterprise Servers."""
    if not call.simulator.limits.enabled:
        raise NOT_FOUND
    account = call.access.token.counted_as if call.access.token else ANONYMOUS
    resources = {}
    for resource in ("core", "graphql"):
        window = call.simulator.limits.window(account, resource)
        resources[resource] = {
            "limit": window.limit,
            "used": window.used,
            "remaining": window.remaining,
            "reset": window.reset,
        }
    unused = {"limit": 30, "used": 0, "remaining": 30, "reset": resources["core"]["reset"]}
    resources |= {name: dict(unused) for name in _UNUSED}
    return {"resources": resources, "rate": resources["core"]}


async def versions(call: Call) -> Any:
    return ["2022-11-28", "2026-03-10"]


routes = [
    endpoint("/meta", about),
    endpoint("/rate_limit", rate_limit),
    endpoint("/versions", versions),
]
