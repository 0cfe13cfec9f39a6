"""The simulator's own endpoint, `/_control/`: not part of GitHub, and open to every client."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .acts import ImpossibleError, act
from .faults import Fault
from .graphql_schema import schema
from .instants import zulu
from .limits import Resource
from .state import Simulator
from .truth import production, truth
from .world import Repository

Json = dict[str, Any]

SETTABLE = ("content_per_minute", "content_per_hour", "concurrency", "enabled")
SHAPES = ("rest_status", "newer_errors")


class Told(JSONResponse):
    """ASCII-only JSON, so that every text can be sent."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


async def _given(request: Request) -> Json:
    """The JSON of the request. Raises ImpossibleError if it is no object."""
    try:
        given = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise ImpossibleError(f"The body is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise ImpossibleError("The body must be a JSON object.")
    return given


async def state(request: Request) -> Response:
    simulator = _simulator(request)
    world = simulator.world
    return Told(
        {
            "url": simulator.url,
            "now": zulu(simulator.clock.now()),
            "token": simulator.token,
            "oauth_apps": [dataclasses.asdict(app) for app in world.oauth_apps.values()],
            "organizations": [each.account.login for each in world.organizations.values()],
            "accounts": len(world.accounts),
            "repositories": {
                each.full_name: len(each.pull_requests) for each in world.repositories.values()
            },
            "faults": [dataclasses.asdict(fault) for fault in simulator.faults.active],
        }
    )


async def faults(request: Request) -> Response:
    simulator = _simulator(request)
    if request.method == "DELETE":
        simulator.faults.clear()
        return Response(status_code=204)
    if request.method == "POST":
        try:
            fault = simulator.faults.add(Fault(**await _given(request)))
        except (TypeError, ValueError) as error:
            raise ImpossibleError(str(error)) from error
        return Told(dataclasses.asdict(fault), 201)
    return Told([dataclasses.asdict(fault) for fault in simulator.faults.active])


async def acts(request: Request) -> Response:
    given = await _given(request)
    if "act" not in given:
        raise ImpossibleError('Say which act, as in {"act": "merge", …}.')
    return Told(act(_simulator(request), given.pop("act"), given))


async def stats(request: Request) -> Response:
    log = _simulator(request).log
    statuses = Counter(str(each.status) for each in log.requests)
    return Told(
        {
            "requests": sum(log.counts.values()),
            "points": log.points,
            "seconds": round(log.seconds, 3),
            "endpoints": dict(log.counts),
            "statuses": dict(statuses),
            "struck": dict(Counter(each.fault for each in log.requests if each.fault)),
        }
    )


async def requests(request: Request) -> Response:
    wanted = int(request.query_params.get("last", "100"))
    log = _simulator(request).log.requests
    return Told([dataclasses.asdict(each) for each in log[-wanted:]])


async def the_truth(request: Request) -> Response:
    return _told_of(request, truth)


async def the_production(request: Request) -> Response:
    return _told_of(request, production)


def _told_of(request: Request, tell: Callable[[Repository], Json]) -> Response:
    full_name = f"{request.path_params['owner']}/{request.path_params['name']}"
    repository = _simulator(request).world.repository(full_name)
    if repository is None:
        return Told({"error": f"There is no repository {full_name}."}, 404)
    return Told(tell(repository))


async def clock(request: Request) -> Response:
    moved, given = _simulator(request).clock, await _given(request)
    moved.advance(float(given.get("advance", 0)))
    if "date_off" in given:
        moved.date_off = timedelta(seconds=float(given["date_off"]))
    return Told({"now": zulu(moved.now()), "date": moved.date()})


async def older_schema(request: Request) -> Response:
    """An older Enterprise Server: its schema lacks these types, fields and values."""
    lacks = frozenset((await _given(request)).get("lacks", ()))
    try:
        schema(lacks)
    except (GraphQLError, TypeError) as error:
        raise ImpossibleError(f"That is no schema: {error}") from error
    _simulator(request).lacks = lacks
    return Told({"lacks": sorted(lacks)})


async def limits(request: Request) -> Response:
    simulator, given = _simulator(request), await _given(request)
    resources: tuple[Resource, Resource] = ("core", "graphql")
    for resource in resources:
        if resource in given:
            simulator.limits.maximum[resource] = given[resource]
        if f"{resource}_per_minute" in given:
            simulator.limits.per_minute[resource] = given[f"{resource}_per_minute"]
    for name in (*SETTABLE, *SHAPES):
        if name in given:
            setattr(simulator.limits, name, given[name])
    simulator.limits.reset()
    for login, resource in given.get("exhaust", {}).items():
        account = simulator.world.account(login)
        if account is None:
            raise ImpossibleError(f"There is no account {login}.")
        simulator.limits.exhaust(account.id, resource)
    return Response(status_code=204)


async def reset(request: Request) -> Response:
    """Faults, limits and log; the world stays as it is."""
    simulator = _simulator(request)
    simulator.faults.clear()
    simulator.limits.reset()
    simulator.log.clear()
    return Response(status_code=204)


async def impossible(request: Request, error: Exception) -> Response:
    return Told({"error": str(error)}, 400)


exceptions = {ImpossibleError: impossible}

routes = [
    Route("/_control/state", state),
    Route("/_control/faults", faults, methods=["GET", "POST", "DELETE"]),
    Route("/_control/acts", acts, methods=["POST"]),
    Route("/_control/stats", stats),
    Route("/_control/requests", requests),
    Route("/_control/truth/{owner}/{name}", the_truth),
    Route("/_control/production/{owner}/{name}", the_production),
    Route("/_control/clock", clock, methods=["POST"]),
    Route("/_control/schema", older_schema, methods=["POST"]),
    Route("/_control/limits", limits, methods=["POST"]),
    Route("/_control/reset", reset, methods=["POST"]),
]
