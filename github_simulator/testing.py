"""A simulator in this process, for tests: `with running(world) as github: github.url`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

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


@contextmanager
def running(
    world: World | None = None, *, data: Path | None = None, port: int = 0, **options: Any
) -> Iterator[Running]:
    """Serve a world, a recording or the default world on loopback while the block runs."""
    simulator = prepare(data, world, **options)
    with listen("127.0.0.1", port) as listening:
        simulator.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(configuration(simulator))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            _wait(server, thread)
            yield Running(simulator.url, simulator.token, simulator)
        finally:
            server.should_exit = True
            thread.join(timeout=5)
            simulator.deliveries.close()


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The simulator could not start.")
        time.sleep(0.005)
