"""HTTP connections that can be cut on purpose."""

from __future__ import annotations

import asyncio

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class SeverableProtocol(H11Protocol):
    """uvicorn's protocol, which remembers the transport of each client."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            _open.pop(self.client, None)


def cut(scope: Scope) -> None:
    """Drop the request's connection at once, with whatever was not sent yet."""
    if transport := _open.get(scope["client"]):
        transport.abort()


def close(scope: Scope) -> None:
    """Close the request's connection after what was written, finished or not."""
    if transport := _open.get(scope["client"]):
        transport.close()
