"""Detects changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Changes:
    """Counts each creation or update of a pull request, so that sorted lists can be cached."""

    count: int = 0


CHANGES = Changes()
