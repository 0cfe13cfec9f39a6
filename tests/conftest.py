"""Shared by the tests across the apps: a simulated GitHub, the running program, a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from github_simulator.world import World
from tests.absence import absent
from tests.browser import FLAGS, find
from tests.program import Program, free_address, share_a_folder

Means = Callable[..., AbstractContextManager[Program]]


def pytest_configure() -> None:
    share_a_folder()


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    """A GitHub with an organisation a few weeks old."""
    with running(small_world()) as simulator:
        yield simulator


def small_world() -> World:
    """A small organisation with a few weeks of history."""
    return generate(3, datetime.now(UTC), people=12, repositories=6, pull_requests=160, months=4)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium."""
    return find() or absent("no Chromium; `apt install chromium`, or name one with TEST_BROWSER")


# Playwright's loop must not outlive the module: Django refuses the database while a loop runs.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with launched(chromium) as browser:
        yield browser


@contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """A browser while the tests need it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of their own, with a desktop screen."""
    desk = {"width": 1280, "height": 900}
    with visitor(browser, viewport=desk, locale="en-GB") as context:
        yield context


@contextmanager
def visitor(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A visitor whose browser may refuse nothing that a page requests."""
    context = browser.new_context(**options)
    context.set_default_timeout(15_000)
    refused: list[str] = []
    context.on("console", lambda message: _note_refusal(message.text, refused))
    yield context
    context.close()
    assert refused == [], "the pages want more than their own policy allows"


def _note_refusal(text: str, refused: list[str]) -> None:
    if "Content Security Policy" in text or "Permissions-Policy" in text:
        refused.append(text)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@dataclass(frozen=True)
class Installation:
    """A program, and the GitHub connected with it."""

    program: Program
    github: Running


@contextmanager
def installation(means: Means, folder: Path, world: World) -> Iterator[Installation]:
    """A program started this way, with a GitHub of this world and its OAuth app registered."""
    url = free_address()
    paths = ("/accounts/github/login/callback/", "/integrations/github/callback/")
    with running(world, callback_urls=tuple(url + path for path in paths)) as github:
        [app] = github.simulator.world.oauth_apps.values()
        settings = {
            "GITHUB_URL": github.url,
            "GITHUB_CLIENT_ID": app.client_id,
            "GITHUB_CLIENT_SECRET": app.client_secret,
        }
        with means(folder, url, **settings) as program:
            yield Installation(program, github)
