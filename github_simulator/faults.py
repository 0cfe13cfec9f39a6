"""What can go wrong, on purpose: faults that are switched on through the control address."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One way to fail. It strikes requests whose path begins with `path`.

    `nth` strikes the n-th matching request only (counted from 1, from when the fault was set),
    `rate` strikes that share of them, `times` ends the fault after so many strikes.
    """

    kind: str
    path: str = ""
    nth: int | None = None
    rate: float = 1.0
    times: int | None = None
    seconds: float | None = None  # a wait, or a retry-after
    status: int | None = None
    seen: int = 0
    struck: int = 0


@dataclass
class Faults:
    random: random.Random
    active: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.active.append(fault)

    def clear(self) -> None:
        self.active.clear()

    def strike(self, path: str) -> Fault | None:
        """The fault that this request meets, if any. Counts the request."""
        return next((fault for fault in self.active if self._strikes(fault, path)), None)

    def _strikes(self, fault: Fault, path: str) -> bool:
        if not path.startswith(fault.path):
            return False
        fault.seen += 1
        if fault.times is not None and fault.struck >= fault.times:
            return False
        if fault.nth is not None:
            hit = fault.seen == fault.nth
        else:
            hit = fault.rate >= 1 or self.random.random() < fault.rate
        fault.struck += hit
        return hit
