"""One program, one browser and one team with its history for all page tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from github_simulator.testing import Running
from tests import journey
from tests.conftest import installation, launched, small_world, visitor
from tests.program import Program, on_one_machine

EMPTY = "lighthouse"


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with launched(chromium) as browser:
        yield browser


@dataclass(frozen=True)
class Filled:
    """A team with its history, an empty one, and Alice, signed in to both."""

    program: Program
    github: Running
    team: str
    empty: str
    found: dict[str, str]
    session: Any


@pytest.fixture(scope="package")
def filled(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with installation(on_one_machine, tmp_path_factory.mktemp("data"), small_world()) as found:
        page = browser.new_page()
        page.goto(found.program.url)
        journey.sign_up(page, "alice@example.com")
        journey.make_team(page, "Lighthouse")
        empty = page.url
        page.goto(f"{found.program.url}/teams/new/")
        journey.make_team(page, "Harbour")
        team = page.url
        journey.connect(page)
        journey.choose_organization(page, "acme")
        journey.track_everything(page, "acme/billing-service")
        journey.wait_for_the_history(page)
        addresses = {
            "{pull_request}": first_link(page, f"{team}pull-requests/"),
            "{repository}": first_link(page, f"{team}compare/repositories/"),
            "{person}": first_link(page, f"{team}compare/people/"),
        }
        session = page.context.storage_state()
        page.context.close()
        yield Filled(found.program, found.github, team, empty, addresses, session)


def first_link(page: Page, address: str) -> str:
    """The link in the first row of the table on this page."""
    page.goto(address)
    row = page.get_by_role("main").get_by_role("row").nth(1)
    return row.get_by_role("link").first.get_attribute("href") or ""


@pytest.fixture
def alice(filled: Filled, browser: Browser) -> Iterator[BrowserContext]:
    """Alice's browser, with a desktop screen."""
    desk = {"width": 1280, "height": 900}
    with visitor(browser, viewport=desk, storage_state=filled.session) as context:
        yield context
