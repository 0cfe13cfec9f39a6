"""The gateway of every request and response, whatever part of GitHub handles it.

In: latency, faults, the version header, the User-Agent, authentication, rate limits. Out: GitHub's
headers on every response, and the log.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .apps import identify
from .authentication import BadCredentialsError, assertion, authenticate
from .failures import fail, primary_limit, secondary_limit
from .limits import ANONYMOUS, Resource
from .registrations import AppError
from .replies import bad_credentials, refusal
from .state import Request, Simulator

API = "/api/"
GRAPHQL = "/api/graphql"
RATE_LIMIT = "/api/v3/rate_limit"
VERSIONS = ("2022-11-28", "2026-03-10")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
CREATES = ("POST", "PUT", "PATCH")
RETRY_AFTER = 60
SUSPENDED = "This installation has been suspended"
LOCKED_OUT = "Maximum number of login attempts exceeded. Please try again later."


class Gateway:
    """ASGI middleware. Endpoints find `request.state.token` and `request.state.oauth_app`."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self.app = app
        self.simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state.update(token=None, oauth_app=None, github_app=None)
        state.update(points=0, operation=None, fault=None, struck=[], status=0, seconds=0.0)
        try:
            await self._handle(scope, receive, send)
        except ClientDisconnect:
            pass  # the client has disconnected
        finally:
            self._write_down(scope)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._in_time(scope, send)
        if scope["path"].startswith(API):
            await self._api(scope, receive, self._with_headers(scope, send))
        else:
            await self._struck_or(self.app, scope, receive, self._noting_status(scope, send))

    def _in_time(self, scope: Scope, send: Send) -> Send:
        """Sends the response when a request of its kind is due; our own work is included."""
        began = time.monotonic()

        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                due = began + self.simulator.options.latency + scope["state"]["seconds"]
                await asyncio.sleep(due - time.monotonic())
                MutableHeaders(scope=message)["date"] = self.simulator.clock.date()
            await send(message)

        return outward

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        if refused := self._refusal(scope):
            await refused(scope, receive, send)
            return
        account = caller(scope)
        limits = self.simulator.limits
        with limits.one_more(account) as too_many:
            if limits.enabled and (too_many or self._is_too_fast(scope, account)):
                reply = secondary_limit(None, RETRY_AFTER, graphql=scope["path"] == GRAPHQL)
                await reply(scope, receive, send)
            else:
                await self._struck_or(self.app, scope, receive, send)

    async def _struck_or(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.simulator.faults.active:
            await app(scope, receive, send)
            return
        body = await _read(receive)
        again = _replay(body, receive)
        sent = b"\n".join((scope["query_string"], body))
        struck = self.simulator.faults.strike(scope["path"], sent)
        scope["state"].update(fault=next(iter(struck), None), struck=struck)
        if fault := next((each for each in struck if not each.leaf), None):
            await fail(fault, self.simulator.clock.timestamp(), app, scope, again, send)
        else:
            await app(scope, again, send)

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
        authorization = headers.get("authorization")
        if self.simulator.limits.is_locked_out(authorization):
            return refusal(403, LOCKED_OUT)
        if signed := assertion(authorization):
            return self._identify_app(scope, signed)
        try:
            token, app = authenticate(world, authorization, now)
        except BadCredentialsError:
            self.simulator.limits.failed_to_sign_in(authorization)
            return bad_credentials()
        if token and token.installation and token.installation.suspended_at:
            return refusal(403, SUSPENDED)
        scope["state"].update(token=token, oauth_app=app)
        return None

    def _identify_app(self, scope: Scope, signed: str) -> Response | None:
        try:
            app = identify(self.simulator.world, signed, self.simulator.clock.timestamp())
        except AppError as error:
            return refusal(error.status, error.message)
        scope["state"]["github_app"] = app
        return None

    def _limited(self, scope: Scope) -> Response | None:
        if scope["path"] in (GRAPHQL, RATE_LIMIT) or not self.simulator.limits.enabled:
            return None  # GraphQL's cost is known later; requesting the limits is free
        limits, account = self.simulator.limits, caller(scope)
        if limits.window(account, "core").remaining > 0:
            return None
        return primary_limit(limits.rest_status, graphql=False)

    def _is_too_fast(self, scope: Scope, account: int) -> bool:
        limits, method = self.simulator.limits, scope["method"]
        if scope["path"] == GRAPHQL:
            return limits.too_fast(account, "graphql", 1)
        too_fast = limits.too_fast(account, "core", 5 if method in WRITES else 1)
        return too_fast or (method in CREATES and limits.too_much_content(account))

    def _noting_status(self, scope: Scope, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["state"]["status"] = message["status"]
            await send(message)

        return noting

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._charge(scope, message["status"])
                self._head(scope, MutableHeaders(scope=message))
            await send(message)

        return self._noting_status(scope, outward)

    def _charge(self, scope: Scope, status: int) -> None:
        """A conditional request answered 304 is free; GraphQL counts its own cost."""
        if resource_of(scope) == "core" and scope["path"] != RATE_LIMIT and status != 304:
            self.simulator.limits.charge(caller(scope), "core", 1)

    def _head(self, scope: Scope, headers: MutableHeaders) -> None:
        if self.simulator.limits.enabled:
            self._tell_limits(scope, headers)
        headers["x-github-request-id"] = uuid.uuid4().hex.upper()
        headers["x-github-media-type"] = "github.v3; format=json"
        asked = Headers(scope=scope).get("x-github-api-version")
        headers["x-github-api-version-selected"] = asked if asked in VERSIONS else VERSIONS[0]
        if headers.get("content-type") == "application/json":
            headers["content-type"] = "application/json; charset=utf-8"
        token = scope["state"]["token"]
        if token and token.organizations is None:  # fine-grained tokens have no scopes
            headers["x-oauth-scopes"] = ", ".join(token.scopes)
            headers.setdefault("x-accepted-oauth-scopes", "")

    def _tell_limits(self, scope: Scope, headers: MutableHeaders) -> None:
        window = self.simulator.limits.window(caller(scope), resource_of(scope))
        headers["x-ratelimit-limit"] = str(window.limit)
        headers.setdefault("x-ratelimit-remaining", str(window.remaining))
        headers["x-ratelimit-used"] = str(window.used)
        headers.setdefault("x-ratelimit-reset", str(window.reset))
        headers["x-ratelimit-resource"] = resource_of(scope)

    def _write_down(self, scope: Scope) -> None:
        state = scope["state"]
        self.simulator.log.add(
            Request(
                scope["method"],
                scope["path"],
                state["status"],
                state["token"].account.login if state["token"] else None,
                state["points"],
                state["operation"],
                state["fault"].kind if state["fault"] else None,
            )
        )


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def caller(scope: Scope) -> int:
    """The account id under which this request counts; an OAuth app's own is below zero."""
    token, app = (
        scope["state"]["token"],
        scope["state"]["oauth_app"] or scope["state"]["github_app"],
    )
    if app:
        return -1 - zlib.crc32(app.client_id.encode())
    return token.counted_as if token else ANONYMOUS


def resource_of(scope: Scope) -> Resource:
    return "graphql" if scope["path"] == GRAPHQL else "core"
