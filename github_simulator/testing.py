"""A simulator in this process, for tests: `with running(world) as github: github.url`."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from .faults import Kind
from .run import prepare
from .server import configuration
from .sockets import listen
from .state import Simulator
from .world import World


@dataclass(frozen=True)
class Running:
    """A running simulator: its web address, a usable token, and the simulator itself."""

    url: str
    token: str
    simulator: Simulator

    def act(self, name: str, /, **given: Any) -> dict[str, Any]:
        """Causes an event while it runs, see docs/simulator.md; returns the act's answer."""
        return self._control("acts", {"act": name, **given})

    def fault(self, kind: Kind, **given: Any) -> None:
        """Switches a fault on, see docs/simulator.md."""
        self._control("faults", {"kind": kind, **given})

    def _control(self, address: str, given: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(given)  # ASCII-only: httpx refuses lone surrogates
        reply = httpx.post(f"{self.url}/_control/{address}", content=content, timeout=30)
        if reply.is_error:
            raise ValueError(reply.json()["error"])
        answered: dict[str, Any] = reply.json()
        return answered


@contextmanager
def running(
    world: World | None = None,
    *,
    data: Path | None = None,
    port: int = 0,
    tls: tuple[Path, Path] | None = None,
    **options: Any,
) -> Iterator[Running]:
    """Serves a world, a recording or the default world on loopback during the block.

    With `tls`, a certificate for `localhost` and its key, over https.
    """
    simulator = prepare(data, world, **options)
    listening = listen("127.0.0.1", port)
    place = "https://localhost" if tls else "http://127.0.0.1"
    simulator.url = f"{place}:{listening.getsockname()[1]}"
    files = {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]} if tls else {}
    server = PromptServer(configuration(simulator, **files))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield Running(simulator.url, simulator.token, simulator)
    finally:
        server.end()
        simulator.deliveries.close()


class PromptServer(uvicorn.Server):
    """Stops at once: uvicorn by itself only checks ten times a second whether it should.

    After `end` nothing is listening any more and idle connections are closed; anything else uvicorn
    waits for in its own thread.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._closed = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Called when uvicorn first waits: everything is closed by then.
        asyncio.get_running_loop().call_soon(self._closed.set)
        await super().shutdown(sockets)

    def end(self) -> None:
        """Stops listening. Returns when that is done."""
        self.should_exit = True
        if self._loop:
            self._loop.call_soon_threadsafe(self._told.set)
        self._closed.wait(timeout=5)


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The simulator could not start.")
        time.sleep(0.002)
