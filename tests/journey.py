"""A newcomer's steps in a browser: from an account to the whole history."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

PASSWORD = "a calm and quiet lake"
SYNC = 60_000  # milliseconds that a history may take
expect.set_options(timeout=20_000)


def sign_up(page: Page, email: str) -> None:
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def make_team(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the team").click()
    expect(section(page, "Overview")).to_be_visible()


def section(page: Page, name: str) -> Locator:
    """A link of the team's menu."""
    menu = page.get_by_role("navigation", name="Team")
    return menu.get_by_role("link", name=name, exact=True)


def connect(page: Page) -> None:
    """To GitHub, and back with its consent."""
    section(page, "GitHub").click()
    page.get_by_role("button", name="Connect GitHub").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("wants to use your account")
    page.get_by_role("button", name="Authorize").click()


def choose_organization(page: Page, login: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose an organisation")
    page.get_by_role("radio", name=login).first.check()
    page.get_by_role("button", name="Connect", exact=True).click()


def track_everything(page: Page, known: str) -> None:
    """Ticks all repositories, once `known` is listed."""
    section(page, "Repositories").click()
    expect(page.get_by_role("rowheader").filter(has_text=known)).to_be_visible()
    page.get_by_role("button", name="Select all shown").first.click()
    expect(page.get_by_role("checkbox", name=f"Track {known}")).to_be_checked()
    page.get_by_role("button", name=re.compile("Track selected")).click()


def wait_for_the_history(page: Page) -> None:
    """On the sync page, until each repository is up to date."""
    expect(page.get_by_role("status").first).to_have_text("Up to date", timeout=SYNC)
