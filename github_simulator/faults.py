"""Faults on purpose, which are switched on through the control endpoint."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "server_error",  # `status`, 502 by default
    "slow",  # responds after `seconds`
    "timeout",  # never responds
    "cut",  # closes the connection without a response
    "half_body",  # closes the connection in the middle of the response
    "unauthorized",  # 401, as if the token were invalid, or with `message`
    "redirect",  # `status` (301 by default) to the same path at the host `to`
    "primary_limit",  # as if the hour's budget were used up; `status` 403 or 429 for REST
    "secondary_limit",  # with `retry-after` if `seconds` are given; `status` 403, 429 or 200
    "null_data",  # GraphQL: 200, no data, "Something went wrong"
    "resource_limits",  # GraphQL: 200, no data and RESOURCE_LIMITS_EXCEEDED
    "graphql_error",  # GraphQL: 200, no data and an error of this `type`, with this `message`
    "null_leaf",  # GraphQL: `leaf`, such as Commit.additions, is null, with an error
    "strange_leaf",  # GraphQL: `leaf` is `value`, whatever its type
    "endless_list",  # GraphQL: `leaf`, such as Organization.teams, has no items, but always more
    "partial_data",  # GraphQL: 200, the second half of a page null and RESOURCE_LIMITS_EXCEEDED
    "shifted_page",  # GraphQL: a page begins with the last item of the page before
    "duplicated_page",  # GraphQL: a page holds every item twice
    "reply",  # `body` as JSON, or unchanged if `headers` set a content-type, with `status`
]
KINDS: tuple[str, ...] = get_args(Kind)
GRAPHQL_ALONE = ("graphql_error", "null_leaf", "strange_leaf", "endless_list")


@dataclass
class Fault:
    """One way to fail.

    It affects requests whose path begins with `path`, and whose query or body has `contains`.

    `nth` strikes only the n-th such request from now (the first is 1), `rate` a share of them;
    `times` ends the fault after so many strikes. `newer` asks for the error shape of 2026.
    `leaf` is a field with the type that has it; `of` narrows it to one thing: a pull request by its
    number, anything by its node id, a commit by its SHA, or what lies at a place of the reply, such
    as `nodes.3`. A `silent` null comes without an error.
    """

    kind: Kind
    path: str = "/api/"
    contains: str = ""
    nth: int | None = None
    rate: float = 1.0
    times: int | None = None
    seconds: float | None = None
    status: int | None = None
    newer: bool = False
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    to: str = ""
    type: str = "SERVICE_UNAVAILABLE"
    message: str = ""
    leaf: str = ""
    of: str | int | None = None
    value: Any = None
    silent: bool = False
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}; known: {', '.join(KINDS)}.")
        if self.kind in GRAPHQL_ALONE:
            self.path = "/api/graphql"
        if self.kind.endswith(("_leaf", "_list")):
            kind, dot, name = self.leaf.partition(".")
            if not (kind and dot and name):
                raise ValueError("A leaf is a type and a field, such as Commit.additions.")
            self.contains = self.contains or name

    def concerns(self, path: str, sent: bytes) -> bool:
        return path.startswith(self.path) and self.contains.encode() in sent

    def strikes(self, source: random.Random) -> bool:
        """Counts a matching request; returns whether it is hit."""
        self.seen += 1
        if self.times is not None and self.struck >= self.times:
            return False
        hit = self.seen == self.nth if self.nth else source.random() < self.rate
        self.struck += hit
        return hit


@dataclass
class Faults:
    """The active faults. The same seed and requests give the same result."""

    seed: int
    active: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        self.active.clear()
        self.random = random.Random(self.seed)

    def strike(self, path: str, sent: bytes) -> list[Fault]:
        """The faults of this request: of those without a leaf, only the first counts."""
        return [
            fault
            for fault in self.active
            if fault.concerns(path, sent) and fault.strikes(self.random)
        ]
