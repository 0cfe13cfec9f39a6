"""A position in a list as text for a URL."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)
"""What decoding an invalid text, or a part of it, can raise."""


def as_text(parts: Sequence[Any]) -> str:
    """JSON-compatible parts as a text for a URL."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(text: str) -> Any:
    """The parts given to `as_text`. Raises one of UNREADABLE."""
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def position(begin: int | None, shown: int, count: int) -> str:
    """Which rows of a list a page shows: `51–100 of 593`; empty if that is not counted."""
    return "" if begin is None else f"{begin + 1:,}–{begin + shown:,} of {count:,}"
