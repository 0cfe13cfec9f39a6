"""Whether anything changed since somebody looked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Changes:
    """Counts each time that a pull request is made or updated, so that sorted lists can be kept."""

    count: int = 0


CHANGES = Changes()
