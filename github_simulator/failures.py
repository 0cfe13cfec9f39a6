"""How a request with a fault fails on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import sockets
from .faults import Fault
from .refusals import error
from .replies import DOCS, refusal

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
SECONDARY_DOCS = (
    "https://docs.github.com/graphql/using-the-rest-api/"
    "rate-limits-for-the-rest-api#about-secondary-rate-limits"
)
SOMETHING_WENT_WRONG = (
    "Something went wrong while executing your query. This may be the result of a timeout, "
    "or it could be a GitHub bug. Please include `0000:0000:000000` when reporting this issue."
)
FOREVER = 24 * 3600.0


class CutError(Exception):
    """The response ends here."""


async def fail(
    fault: Fault, now: float, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Makes the request fail; faults that only change GraphQL's data are left to its endpoint."""
    scope["state"]["fault"] = fault
    if reply := reply_of(fault, now, graphql=scope["path"] == "/api/graphql"):
        await reply(scope, receive, send)
        return
    await WIRE.get(fault.kind, _pass)(fault, app, scope, receive, send)


def reply_of(fault: Fault, now: float, *, graphql: bool) -> Response | None:
    """The response of a fault that ignores the request; `now` in epoch seconds."""
    match fault.kind:
        case "server_error":
            return _server_error(fault.status or 502, graphql=graphql)
        case "unauthorized":
            return refusal(401, fault.message or "Bad credentials")
        case "graphql_error":
            return _graphql_error(fault)
        case "primary_limit":
            reset = None if fault.seconds is None else int(now + fault.seconds)
            status = fault.status or 403
            return primary_limit(status, graphql=graphql, newer=fault.newer, reset=reset)
        case "secondary_limit":
            return secondary_limit(fault.status, fault.seconds, graphql=graphql)
        case "reply":
            kind = Response if "content-type" in fault.headers else JSONResponse
            return kind(fault.body, fault.status or 200, fault.headers)
        case "null_data":
            return JSONResponse({"data": None, "errors": [{"message": SOMETHING_WENT_WRONG}]})
    return None


def primary_limit(
    status: int, *, graphql: bool, newer: bool = False, reset: int | None = None
) -> Response:
    """The hour's budget is used up; GraphQL reports it with 200, in one of two shapes."""
    message = "API rate limit exceeded for this user ID."
    headers = {"x-ratelimit-remaining": "0"}
    if reset is not None:
        headers["x-ratelimit-reset"] = str(reset)
    if not graphql:
        return refusal(status, message, headers=headers)
    shape: dict[str, Any] = error("RATE_LIMITED", message)
    if newer:
        shape = error("RATE_LIMIT", message, code="graphql_rate_limit")
    return JSONResponse({"errors": [shape]}, headers=headers)


def secondary_limit(status: int | None, seconds: float | None, *, graphql: bool) -> Response:
    """Too many requests; `retry-after` only if given."""
    headers = {} if seconds is None else {"retry-after": str(int(seconds))}
    if graphql and status in (None, 200):
        return JSONResponse({"errors": [{"message": SECONDARY}]}, headers=headers)
    return refusal(status or 403, SECONDARY, SECONDARY_DOCS, headers)


def _graphql_error(fault: Fault) -> Response:
    """Only an error; without a `type` if that is empty, as GitHub also sends them."""
    words = fault.message or SOMETHING_WENT_WRONG
    shape = error(fault.type, words) if fault.type else {"message": words}
    return JSONResponse({"data": None, "errors": [shape]})


def _server_error(status: int, *, graphql: bool) -> Response:
    if graphql:
        body = {"data": None, "errors": [{"message": SOMETHING_WENT_WRONG}]}
        return JSONResponse(body, status)
    page = "<html><head><title>Unicorn!</title></head><body>This page is taking too long.</body>"
    return Response(page, status, media_type="text/html")


async def _slow(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(fault.seconds or 1.0)
    await app(scope, receive, send)


async def _timeout(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await asyncio.wait_for(_hung_up(receive), fault.seconds or FOREVER)
    except TimeoutError:
        await _cut(fault, app, scope, receive, send)


async def _cut(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    sockets.cut(scope)
    await _hung_up(receive)


async def _half_body(
    fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    async def half(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        raise CutError

    with suppress(CutError):
        await app(scope, receive, half)
    sockets.close(scope)
    await _hung_up(receive)


async def _redirect(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    query = scope["query_string"].decode()
    place = f"{fault.to}{scope['path']}{'?' if query else ''}{query}"
    body = {"message": "Moved Permanently", "url": place, "documentation_url": DOCS}
    reply = JSONResponse(body, fault.status or 301, {"location": place})
    await reply(scope, receive, send)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pass(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


Wire = Callable[[Fault, ASGIApp, Scope, Receive, Send], Awaitable[None]]
WIRE: dict[str, Wire] = {
    "slow": _slow,
    "timeout": _timeout,
    "cut": _cut,
    "half_body": _half_body,
    "redirect": _redirect,
}
