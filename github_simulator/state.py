"""A running simulator: its world, clock, limits, faults and log."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from .clock import Clock
from .faults import Faults
from .grants import Authorizations
from .happening import Happening
from .hooks import Deliveries
from .limits import Limits
from .registrations import Registrations
from .world import World

LOG_LENGTH = 10_000


@dataclass(frozen=True)
class Options:
    """How the server behaves; durations in seconds."""

    latency: float = 0.0
    node_latency: float = 0.0
    patience: float = 10.0  # a query that takes longer is aborted
    live: bool = False
    live_interval: float = 5.0
    seed: int = 1
    personal_token: str | None = None
    callback_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One answered request in the log."""

    method: str
    path: str
    status: int
    account: str | None
    points: int = 0
    operation: str | None = None
    fault: str | None = None


@dataclass
class RequestLog:
    requests: list[Request] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    points: int = 0
    first_at: float = 0.0
    seconds: float = 0.0  # from the first response byte to the last

    def clear(self) -> None:
        self.requests.clear()
        self.counts.clear()
        self.points = 0
        self.first_at = self.seconds = 0.0

    def add(self, request: Request) -> None:
        self.counts[f"{request.method} {request.path}"] += 1
        self.points += request.points
        now = monotonic()
        self.first_at = self.first_at or now
        self.seconds = now - self.first_at
        self.requests.append(request)
        del self.requests[:-LOG_LENGTH]


Listener = Callable[[Happening], None]


class Simulator:
    """One simulated GitHub. Requests reach it as `request.app.state.simulator`."""

    def __init__(self, world: World, options: Options | None = None, token: str = "") -> None:
        self.world = world
        self.token = token  # a personal token of an administrator
        self.options = options or Options()
        self.clock = Clock()
        self.limits = Limits(self.clock)
        self.random = random.Random(self.options.seed)
        self.faults = Faults(self.options.seed)
        self.log = RequestLog()
        self.authorizations = Authorizations(world, self.random)
        self.registrations = Registrations()
        self.deliveries = Deliveries(self.clock, self.options.seed, lambda: self.url)
        self.listeners: list[Listener] = []
        self.lacks: frozenset[str] = frozenset()  # what an older server's schema lacks
        self.url = ""  # base URL, such as http://127.0.0.1:9100; set when the port is known

    def announce(self, happening: Happening) -> None:
        """Notifies all listeners; the server makes hooks listen."""
        for listener in self.listeners:
            listener(happening)
