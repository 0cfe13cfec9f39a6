"""The journey on one machine continues: from the history to a figure, and to its PR."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.pages.conftest import Filled
from tests.test_journey import look_around

pytestmark = pytest.mark.browser


def test_it_works(alice: BrowserContext, filled: Filled) -> None:
    page = alice.new_page()
    page.goto(f"{filled.team}integrations/github/sync/status/")
    look_around(page, filled.github)
