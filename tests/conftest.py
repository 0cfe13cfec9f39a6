"""What the tests across the apps share: a simulated GitHub, the running program, a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from tests.absence import absent

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    """A GitHub with an organisation of some weeks."""
    world = generate(3, datetime.now(UTC), people=12, repositories=6, pull_requests=160, months=4)
    with running(world) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the system's Chromium is."""
    named = os.environ.get("TEST_BROWSER", "")
    found = next((path for name in (named, *BROWSERS) if name and (path := shutil.which(name))), "")
    return found or absent("no Chromium; `apt install chromium`, or name one with TEST_BROWSER")


# Playwright's loop must not outlive the module: Django refuses the database beside a running loop.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of their own, at a desk."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data folder."""
    return tmp_path_factory.mktemp("data")
