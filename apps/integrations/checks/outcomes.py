"""What spot checks find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A field whose value here is not GitHub's; late, where GitHub changed it since the sync."""

    pull_request: str
    field: str
    here: Any
    on_github: Any
    is_late: bool


@dataclass
class Outcome:
    """What a check found; `gone` are those that GitHub does not show any more.

    `untold` are those that it did not tell at all, with each reason; `fields_untold` what it did
    not tell of others: what is stored of these is compared with nothing.
    """

    pull_requests: int = 0
    deployments: int = 0
    fields: int = 0
    gone: int = 0
    untold: list[str] = field(default_factory=list)
    fields_untold: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """How many were not told and why, as a sentence; empty where all were."""
        if not self.untold:
            return ""
        return f"{len(self.untold)} could not be compared: {self.untold[0].rstrip('.')}."
