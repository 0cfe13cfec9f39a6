"""What one running simulator is: its world, its clock, its limits, its faults and its log."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from .apps import Registrations
from .faults import Faults
from .grants import Authorizations
from .hooks import Deliveries
from .limits import Limits
from .world import (
    Account,
    GitHubApp,
    Installation,
    Organization,
    PullRequest,
    Repository,
    Review,
    World,
)

LOG_LENGTH = 10_000


@dataclass(frozen=True)
class Options:
    """How the server behaves; durations in seconds."""

    latency: float = 0.0
    node_latency: float = 0.0
    patience: float = 10.0  # a query that takes longer is given up
    live: bool = False
    live_interval: float = 5.0
    seed: int = 1
    personal_token: str | None = None
    callback_urls: tuple[str, ...] = ()


class Clock:
    """GitHub's clock. Tests and the control address move it forward."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return (datetime.now(UTC) + self.offset).replace(microsecond=0)

    def timestamp(self) -> float:
        return (datetime.now(UTC) + self.offset).timestamp()

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Request:
    """One answered request, as the log keeps it."""

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
    seconds: float = 0.0  # from the first answer to the last

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


@dataclass(frozen=True)
class Happening:
    """Something happened in the world that hooks may want to hear of.

    `event` and `action` are those of a webhook, such as `pull_request` and `closed`.
    `extra` holds what only this event's payload has, such as `changes` or `requested_reviewer`.
    """

    event: str
    action: str
    repository: Repository | None = None
    pull_request: PullRequest | None = None
    review: Review | None = None
    sender: Account | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    organization: Organization | None = None
    app: GitHubApp | None = None  # only its hook hears of it
    installation: Installation | None = None


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
        self.deliveries = Deliveries(self)
        self.listeners: list[Listener] = [self.deliveries.hear]
        self.url = ""  # web address, such as http://127.0.0.1:9100; set when the port is known

    def announce(self, happening: Happening) -> None:
        """Tell everyone who listens (webhook delivery does)."""
        for listener in self.listeners:
            listener(happening)
