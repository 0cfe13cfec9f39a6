"""The simulator as a web application, with the URLs of GitHub Enterprise Server."""

from __future__ import annotations

from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from . import (
    app_pages,
    audience,
    control,
    graphql,
    hook_control,
    oauth,
    pages,
    rest,
    settings_pages,
)
from .gateway import Gateway
from .live import going_on
from .replies import not_found
from .sockets import SeverableProtocol
from .state import Simulator


def routes() -> list[BaseRoute]:
    """The routes of all endpoints."""
    rooms = (graphql, rest, oauth, hook_control, control, settings_pages, app_pages, pages)
    return [route for room in rooms for route in room.routes]


async def nothing_here(request: Request, error: Exception) -> Response:
    return not_found()


def application(simulator: Simulator) -> ASGIApp:
    """The whole simulated GitHub: its endpoints behind its gateway."""
    handlers: dict[Any, Any] = {404: nothing_here, 405: nothing_here, **control.exceptions}
    app = Starlette(
        routes=routes(),
        exception_handlers=handlers,
        lifespan=lambda _: going_on(simulator),
    )
    app.router.redirect_slashes = False  # GitHub returns 404 for a trailing slash
    app.state.simulator = simulator
    simulator.listeners.append(partial(audience.notify, simulator))
    return Gateway(app, simulator)


def configuration(simulator: Simulator, **more: Any) -> uvicorn.Config:
    """How uvicorn serves a simulator."""
    return uvicorn.Config(
        application(simulator),
        http=SeverableProtocol,
        log_level="warning",
        date_header=False,  # the gateway sends GitHub's time
        timeout_graceful_shutdown=1,
        **more,
    )
