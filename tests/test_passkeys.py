"""Passkeys in Chromium, whose virtual authenticator stands in for a device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import journey
from tests.program import Program, free_address, on_one_machine

EMAIL = "alice@example.com"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def program(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    # A passkey belongs to a host name: an IP address cannot have one.
    url = free_address().replace("127.0.0.1", "localhost")
    with on_one_machine(tmp_path_factory.mktemp("data"), url) as program:
        yield program


@pytest.mark.browser
def test_it_works(program: Program, page: Page) -> None:
    _hold_a_device(page)
    _add_a_passkey(program, page)
    expect(page.get_by_text("Signs in without a password")).to_be_visible()
    _sign_out(program, page)
    page.goto(f"{program.url}/accounts/login/?next=/accounts/sessions/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{program.url}/accounts/sessions/")
    _sign_out(program, page)
    page.goto(f"{program.url}/accounts/login/?next=https://evil.example/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{program.url}/teams/new/")
    _as_second_factor(program, page)


def _as_second_factor(program: Program, page: Page) -> None:
    _sign_out(program, page)
    page.goto(program.url)
    journey.sign_in(page, EMAIL, journey.PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    page.goto(f"{program.url}/accounts/profile/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Second factor")
    page.goto(f"{program.url}/accounts/2fa/")
    page.get_by_role("link", name="Remove Passkey").click()
    page.get_by_role("link", name="use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()


@pytest.mark.browser
def test_a_device_that_gives_no_answer(program: Program, page: Page) -> None:
    page.goto(f"{program.url}/accounts/login/")
    _hold_a_device(page)  # without a passkey for this address
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The device gave no answer")


def _hold_a_device(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def _add_a_passkey(program: Program, page: Page) -> None:
    page.goto(program.url)
    journey.sign_up(page, EMAIL)
    page.wait_for_url(f"{program.url}/teams/new/")
    page.goto(f"{program.url}/accounts/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(journey.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Ask the device").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()


def _sign_out(program: Program, page: Page) -> None:
    page.goto(f"{program.url}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()
