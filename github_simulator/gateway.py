"""What every request passes on its way in and out, whatever room of GitHub it is for.

In: latency, faults, the version header, the User-Agent, who is asking, rate limits.
Out: GitHub's headers on every reply, and the log.
"""

from __future__ import annotations

import asyncio
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .authentication import BadCredentialsError, authenticate
from .limits import ANONYMOUS, Resource
from .replies import bad_credentials, refusal
from .state import Request, Simulator

API = "/api/"
GRAPHQL = "/api/graphql"
VERSIONS = ("2022-11-28", "2026-03-10")


class Gateway:
    """ASGI middleware. Rooms find `request.state.token` and `request.state.oauth_app`."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self.app = app
        self.simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {}).update(token=None, oauth_app=None, points=0, operation=None)
        await asyncio.sleep(self.simulator.options.latency)
        api = scope["path"].startswith(API)
        refused = self._refusal(scope) if api else None
        outward = self._outward(scope, send, api=api)
        await (refused or self.app)(scope, receive, outward)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not headers.get("user-agent"):
            return Response(
                "Request forbidden by administrative rules. "
                "Please make sure your request has a User-Agent header.",
                403,
            )
        version = headers.get("x-github-api-version")
        if version and version not in VERSIONS:
            return refusal(400, f"The API version '{version}' is not supported.")
        return self._identify(scope, headers) or self._limited(scope)

    def _identify(self, scope: Scope, headers: Headers) -> Response | None:
        world, now = self.simulator.world, self.simulator.clock.now()
        try:
            token, app = authenticate(world, headers.get("authorization"), now)
        except BadCredentialsError:
            return bad_credentials()
        scope["state"].update(token=token, oauth_app=app)
        return None

    def _limited(self, scope: Scope) -> Response | None:
        if scope["path"] in (GRAPHQL, "/api/v3/rate_limit"):
            return None  # GraphQL answers in its own shape; asking for the limits is free
        account, resource = caller(scope), resource_of(scope)
        if self.simulator.limits.window(account, resource).remaining > 0:
            return None
        return refusal(403, f"API rate limit exceeded for user ID {account}.")

    def _outward(self, scope: Scope, send: Send, *, api: bool) -> Send:
        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._settle(scope, message["status"])
                if api:
                    self._head(scope, MutableHeaders(scope=message))
            await send(message)

        return outward

    def _settle(self, scope: Scope, status: int) -> None:
        """Charge the request and write it down. GraphQL charges for itself."""
        state, path = scope["state"], scope["path"]
        if path.startswith("/api/v3/") and path != "/api/v3/rate_limit" and status != 304:
            self.simulator.limits.charge(caller(scope), "core", 1)
        login = state["token"].account.login if state["token"] else None
        self.simulator.log.add(
            Request(scope["method"], path, status, login, state["points"], state["operation"])
        )

    def _head(self, scope: Scope, headers: MutableHeaders) -> None:
        window = self.simulator.limits.window(caller(scope), resource_of(scope))
        headers["x-ratelimit-limit"] = str(window.limit)
        headers["x-ratelimit-remaining"] = str(window.remaining)
        headers["x-ratelimit-used"] = str(window.used)
        headers["x-ratelimit-reset"] = str(window.reset)
        headers["x-ratelimit-resource"] = resource_of(scope)
        headers["x-github-request-id"] = uuid.uuid4().hex.upper()
        headers["x-github-media-type"] = "github.v3; format=json"
        if token := scope["state"]["token"]:
            headers["x-oauth-scopes"] = ", ".join(token.scopes)
            headers.setdefault("x-accepted-oauth-scopes", "")


def caller(scope: Scope) -> int:
    """The account id under which this request counts."""
    token = scope["state"]["token"]
    return token.account.id if token else ANONYMOUS


def resource_of(scope: Scope) -> Resource:
    return "graphql" if scope["path"] == GRAPHQL else "core"
