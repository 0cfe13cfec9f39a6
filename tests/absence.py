"""What a test needs and this machine lacks: a skip with its reason, or a failure where demanded."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Skip for want of something; with REQUIRE_SERVICES=1 (on CI) that is a failure."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"Needed here: {what}")
    pytest.skip(what)
