"""What a test needs and this machine lacks: a skip with its reason, or a failure if required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Skips because something is missing; with REQUIRE_SERVICES=1 (on CI) it fails."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"Needed here: {what}")
    pytest.skip(what)
