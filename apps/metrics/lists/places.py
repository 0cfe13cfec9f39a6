"""A place in a list as the text that an address carries."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)
"""What reading a made-up text, or a part of it, can raise."""


def as_text(parts: Sequence[Any]) -> str:
    """The parts, which JSON can say, as a text that an address can carry."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(text: str) -> Any:
    """What `as_text` was given. Raises one of UNREADABLE."""
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def position(begin: int | None, shown: int, count: int) -> str:
    """Which rows of a list a page shows: `51–100 of 593`; empty where that is not counted."""
    return "" if begin is None else f"{begin + 1:,}–{begin + shown:,} of {count:,}"
