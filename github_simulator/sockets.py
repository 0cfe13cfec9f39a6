"""The listening socket, and connections that can be cut on purpose."""

from __future__ import annotations

import asyncio
import socket

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class SeverableProtocol(H11Protocol):
    """uvicorn's protocol, which remembers each client's transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            _open.pop(self.client, None)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError if it fails."""
    # asyncio turns Nagle's algorithm off, 40 ms a request, only if TCP is named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def cut(scope: Scope) -> None:
    """Drops the request's connection at once, with whatever was not sent yet."""
    if transport := _open.get(scope["client"]):
        transport.abort()


def close(scope: Scope) -> None:
    """Closes the request's connection after what was written, finished or not."""
    if transport := _open.get(scope["client"]):
        transport.close()
