"""The look of the product: colours that can be read, pages that fit, keys that work."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import COLOURS
from tests.program import Program, free_address, on_one_machine

STYLES = Path(__file__).resolve().parent.parent / "tformance" / "static" / "tformance.css"
ON_PAPER = ["text", "muted", "accent", "accent-strong", "good", "warn", "bad"]
STAGES = ["stage-coding", "stage-pickup", "stage-review", "stage-merge", "stage-deploy"]
PAIRS = [
    *itertools.product(ON_PAPER, ["paper", "raised", "sunken"]),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent", "accent-tint"),
    ("good", "good-tint"),
    ("warn", "warn-tint"),
    ("bad", "bad-tint"),
    *itertools.product(["text"], ["accent-tint", "good-tint", "warn-tint", "bad-tint"]),
]
SIGNED_OUT = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/none/"]
SIGNED_IN = [
    "/a/acme/",
    "/a/acme/pull-requests/",
    "/a/acme/reviews/",
    "/a/acme/flow/",
    "/a/acme/production/",
    "/a/acme/production/sources/",
    "/a/acme/compare/",
    "/a/acme/how-we-count/",
    "/a/acme/people/",
    "/a/acme/integrations/",
    "/a/acme/integrations/github/repos/",
    "/a/acme/settings/",
    "/a/acme/settings/members/",
    "/accounts/profile/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/teams/new/",
]
OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true"


def schemes() -> dict[str, dict[str, str]]:
    """The colours of each block of the style sheet that sets them."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--paper:[^}]*)\}", STYLES.read_text())
    read = {name.strip(): dict(re.findall(r"--([\w-]+): (#\w+);", body)) for name, body in blocks}
    return {
        "light": read[":root"],
        "dark": read[':root[data-theme="dark"]'],
        "dark by the system": read[':root:not([data-theme="light"])'],
    }


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lightness(colour: str) -> float:
    """L* of CIELAB, 0 to 100."""
    return 116 * math.cbrt(luminance(colour)) - 16


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_it_works(scheme: str, front: str, back: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[front], colours[back]) >= 4.5


def test_dark_is_dark_however_it_was_chosen() -> None:
    assert schemes()["dark"] == schemes()["dark by the system"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stages_stand_out_and_differ_by_lightness_too(scheme: str) -> None:
    colours = schemes()[scheme]
    assert all(contrast(colours[stage], colours["paper"]) >= 3 for stage in STAGES)
    levels = sorted(lightness(colours[stage]) for stage in STAGES)
    assert all(higher - lower >= 8 for lower, higher in itertools.pairwise(levels))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with on_one_machine(tmp_path_factory.mktemp("data"), free_address()) as program:
        yield program


@pytest.fixture(scope="module")
def session(program: Program, browser: Browser) -> str:
    """What a browser remembers of somebody who signed up and made the team Acme."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{program.url}/accounts/signup/")
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("Name of the team").fill("Acme")
    page.get_by_role("button", name="Make the team").click()
    page.wait_for_url("**/a/acme/")
    path = program.folder / "session.json"
    context.storage_state(path=path)
    context.close()
    return str(path)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_every_page_fits_and_can_be_read(
    program: Program, browser: Browser, session: str, width: int, scheme: str
) -> None:
    problems = []
    rules = {"options": COLOURS} if scheme == "dark" else {}
    for remembered, addresses in ((None, SIGNED_OUT), (session, SIGNED_IN)):
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            storage_state=remembered,
        )
        page = context.new_page()
        for address in addresses:
            page.goto(program.url + address)
            problems += [f"{address}: {problem}" for problem in problems_of(page, width, rules)]
        context.close()
    assert "\n".join(problems) == ""


def problems_of(page: Page, width: int, rules: dict[str, Any]) -> list[str]:
    """What would trouble a reader: too wide, or against the rules of accessibility."""
    found = []
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"is {wide} wide")
    page.evaluate(OPEN_ALL)  # what is closed is not looked into
    violations = Axe().run(page, **rules).response["violations"]
    return found + [f"{each['id']} {each['nodes'][0]['target']}" for each in violations]


@pytest.mark.browser
def test_the_chosen_colours_stay(program: Program, page: Page) -> None:
    page.goto(program.url)
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    page.reload()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


@pytest.mark.browser
def test_all_of_it_can_be_reached_by_keys(program: Program, browser: Browser, session: str) -> None:
    context = browser.new_context(storage_state=session)
    page = context.new_page()
    page.goto(f"{program.url}/a/acme/settings/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    switcher = page.locator(".switcher summary")
    switcher.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="New team")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="New team")).to_be_hidden()
    expect(switcher).to_be_focused()
    context.close()
