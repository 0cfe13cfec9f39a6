"""/_control/hooks: delivery faults, and the outcomes of deliveries."""

from __future__ import annotations

import dataclasses
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .hooks import HookFaults
from .rest.hook_shapes import delivery_item
from .state import Simulator


async def faults(request: Request) -> Response:
    """GET returns the faults; POST sets the named ones, DELETE ends them all."""
    simulator: Simulator = request.app.state.simulator
    deliveries = simulator.deliveries
    if request.method == "DELETE":
        deliveries.faults = HookFaults()
    if request.method == "POST":
        given = json.loads(await request.body() or b"{}")
        known = {each.name for each in dataclasses.fields(HookFaults)}
        if not isinstance(given, dict) or not given.keys() <= known:
            return JSONResponse({"error": f"Known are: {', '.join(sorted(known))}."}, 400)
        deliveries.faults = dataclasses.replace(deliveries.faults, **given)
    return JSONResponse(dataclasses.asdict(deliveries.faults))


async def sent(request: Request) -> Response:
    """The last hundred deliveries of all hooks, the newest first."""
    simulator: Simulator = request.app.state.simulator
    newest = sorted(simulator.deliveries.attempted, key=lambda delivery: -delivery.id)[:100]
    return JSONResponse([{"url": d.hook.url, **delivery_item(d)} for d in newest])


routes = [
    Route("/_control/hooks", faults, methods=["GET", "POST", "DELETE"]),
    Route("/_control/deliveries", sent),
]
