"""The simulator's consent page, as a tester uses it: in a browser, by keyboard, light and dark."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page

from github_simulator.testing import Running
from tests.browser import violations

pytestmark = pytest.mark.browser
CALLBACK = "/nobody-is-home/"  # on the simulator itself: only the redirect's target matters


def open_page(page: Page, github: Running, **changes: str) -> None:
    """The app sends the visitor there."""
    app = next(iter(github.simulator.world.oauth_apps.values()))
    app.callback_urls = [github.url + CALLBACK]
    asked = {"client_id": app.client_id, "redirect_uri": github.url + CALLBACK, "state": "s"}
    asked |= {"scope": "read:org repo read:user", **changes}
    page.goto(f"{github.url}/login/oauth/authorize?{urlencode(asked)}")


def answer(page: Page) -> dict[str, list[str]]:
    page.wait_for_url(f"**{CALLBACK}?**")
    return parse_qs(urlsplit(page.url).query)


def granted(github: Running, login: str) -> set[str]:
    simulator = github.simulator
    account = simulator.world.account(login)
    assert account is not None
    [app] = simulator.world.oauth_apps
    return simulator.authorizations.granted[account.id, app]


def test_it_works(page: Page, github: Running) -> None:
    open_page(page, github)
    page.get_by_label("Sign in as").select_option("bob")
    page.get_by_role("checkbox", name="repo").uncheck()
    page.get_by_role("button", name="Authorize tformance").click()
    assert set(answer(page)) == {"code", "state"}
    assert granted(github, "bob") == {"read:org", "read:user"}


def test_cancel(page: Page, github: Running) -> None:
    open_page(page, github)
    page.get_by_role("button", name="Cancel").click()
    assert answer(page)["error"] == ["access_denied"]


def test_by_keyboard_alone(page: Page, github: Running) -> None:
    open_page(page, github, prompt="select_account", login="mirela-dv")
    assert page.evaluate("document.activeElement.id") == "login"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the first scope is not granted
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "code" in answer(page)
    assert granted(github, "mirela-dv") == {"repo", "read:user"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_blocks_the_visitor(page: Page, github: Running, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(page, github)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
