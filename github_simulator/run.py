"""Starts the simulator: `tformance simulator`, or `python -m github_simulator`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from . import keeping
from .generator import generate
from .recording import load
from .server import configuration
from .sockets import listen
from .state import Options, Simulator
from .tokens import default_app, personal_token
from .world import Account, Token, World

SCOPES = ["repo", "read:org", "read:user"]


def run(
    data: Path | None,
    port: int,
    host: str = "127.0.0.1",
    *,
    kept: Path | None = None,
    **options: Any,
) -> None:
    """Serves until interrupted, after one line with the URL, a token and an OAuth app.

    `kept` is the file that keeps the world between two runs; `options` are the fields of
    `state.Options`.
    """
    try:
        listening = listen(host, port)
        before = keeping.load(kept) if kept else None
        simulator = prepare(data, before.world if before else None, **options)
    except (OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"The simulator cannot start: {error}\n")
        raise SystemExit(2) from error
    if before:
        keeping.restore(simulator, before)
    simulator.url = f"http://{host}:{listening.getsockname()[1]}"
    _say_where(simulator)
    # uvicorn raises the signal that ended it again: here as an exception, so that the world is
    # saved.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), listening:
        asyncio.run(_serve(uvicorn.Server(configuration(simulator)), simulator, listening, kept))


def _say_where(simulator: Simulator) -> None:
    app = next(iter(simulator.world.oauth_apps.values()))
    sys.stdout.write(
        f"GitHub simulator at {simulator.url}, token {simulator.token}, "
        f"OAuth app {app.client_id} with secret {app.client_secret}\n"
    )
    sys.stdout.flush()


async def _serve(
    server: uvicorn.Server, simulator: Simulator, listening: socket.socket, kept: Path | None
) -> None:
    saving = asyncio.create_task(keeping.keep(simulator, kept)) if kept else None
    try:
        await server.serve([listening])
    finally:
        if saving:
            saving.cancel()


def prepare(data: Path | None, world: World | None = None, **options: Any) -> Simulator:
    """A simulator of a given world, a recording or the generated world, ready to be served."""
    chosen = Options(**options)
    world = world or (load(data) if data else generate(chosen.seed, datetime.now(UTC)))
    value = chosen.personal_token or personal_token(chosen.seed)
    world.tokens.setdefault(value, Token(value, administrator(world), list(SCOPES)))
    app = default_app(chosen.callback_urls)
    if not world.oauth_apps or app.client_id in world.oauth_apps:
        world.oauth_apps[app.client_id] = app
    return Simulator(world, chosen, value)


def administrator(world: World) -> Account:
    """An account that may do everything: an organisation's first admin, else the first user."""
    for organization in world.organizations.values():
        for member, role in organization.members.items():
            if role == "admin":
                return world.accounts[member]
    return next(account for account in world.accounts.values() if account.type == "User")
