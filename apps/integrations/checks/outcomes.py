"""The results of spot checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A field whose stored value differs from GitHub's; late if it changed since the sync."""

    pull_request: str
    field: str
    here: Any
    on_github: Any
    is_late: bool


@dataclass
class Outcome:
    """The result of a check; `gone` lists what GitHub no longer shows.

    `not_compared` lists what GitHub did not report at all, with each reason; `fields_missing` the
    missing fields of others, whose stored values are not compared.
    """

    pull_requests: int = 0
    deployments: int = 0
    fields: int = 0
    gone: int = 0
    not_compared: list[str] = field(default_factory=list)
    fields_missing: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """A sentence: how many were not reported and why; empty if all were."""
        if not self.not_compared:
            return ""
        return (
            f"{len(self.not_compared)} could not be compared: {self.not_compared[0].rstrip('.')}."
        )
