"""Every page, full of data: accessible in light and dark, whole on a phone, usable by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests import journey
from tests.browser import COLOURS
from tests.conftest import installation, small_world
from tests.program import on_one_machine

pytestmark = pytest.mark.browser

OUTSIDE = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/")
INSIDE = (
    "",
    "?range=12m",
    "pull-requests/",
    "pull-requests/?state=open",
    "views/",
    "{pull_request}",
    "{repository}",
    "{person}",
    "reviews/",
    "flow/",
    "ai/",
    "waiting/",
    "compare/repositories/",
    "compare/people/",
    "compare/teams/",
    "notes/",
    "teams/new/",
    "how-we-count/",
    "people/",
    "integrations/",
    "integrations/github/repos/",
    "integrations/github/sync/status/",
    "integrations/github/disconnect/",
    "settings/",
    "settings/members/",
    "settings/api-keys/",
    "settings/digest/",
)
DESK: ViewportSize = {"width": 1280, "height": 900}
SCHEMES: dict[Literal["light", "dark"], Any] = {
    "light": {"resultTypes": ["violations"]},
    "dark": COLOURS,
}
ACCOUNT = ("/accounts/profile/", "/accounts/email/", "/accounts/password/change/", "/teams/new/")


@dataclass(frozen=True)
class Filled:
    """A team with its history, and Alice, signed in."""

    url: str
    team: str
    found: dict[str, str]
    session: Any


@pytest.fixture(scope="module")
def filled(
    chromium: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("data")
    with installation(on_one_machine, folder, small_world()) as found:
        page = browser.new_page()
        page.goto(found.program.url)
        journey.sign_up(page, "alice@example.com")
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
        page.close()
        yield Filled(found.program.url, team, addresses, session)


def first_link(page: Page, address: str) -> str:
    """Where the first row of the table on this page leads."""
    page.goto(address)
    row = page.get_by_role("main").get_by_role("row").nth(1)
    return row.get_by_role("link").first.get_attribute("href") or ""


class Visit:
    """A page at a desk, in light colours and without movement; what went wrong in it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        reply = page.goto(address, wait_until="networkidle")
        assert reply
        assert reply.status == 200


class Pages:
    """The team's pages by their paths."""

    def __init__(self, browser: Browser, filled: Filled) -> None:
        self.filled = filled
        self.signed_in = browser.new_context(storage_state=filled.session, viewport=DESK)
        self.signed_out = browser.new_context(viewport=DESK)

    @contextmanager
    def visit(self, path: str) -> Iterator[Visit]:
        """The page of this path while somebody looks at it."""
        page = (self.signed_out if path in OUTSIDE else self.signed_in).new_page()
        yield Visit(page, self.address(path))
        page.close()

    def address(self, path: str) -> str:
        path = self.filled.found.get(path, path)
        return f"{self.filled.url}{path}" if path.startswith("/") else f"{self.filled.team}{path}"


@pytest.fixture(scope="module")
def pages(browser: Browser, filled: Filled) -> Iterator[Pages]:
    pages = Pages(browser, filled)
    yield pages
    pages.signed_in.close()
    pages.signed_out.close()


def test_it_works(pages: Pages) -> None:
    with pages.visit("") as overview:
        expect(overview.page.get_by_role("heading", level=1)).to_have_text("Overview")
        see_that_a_week_is_not_over(overview.page)


@pytest.mark.parametrize("path", [*OUTSIDE, *ACCOUNT, *INSIDE])
def test_every_page(pages: Pages, path: str) -> None:
    """All that is asked of a page in one visit: opening it is what takes long."""
    with pages.visit(path) as visit:
        see_that_keys_reach_everything(visit.page)
        see_that_axe_finds_nothing(visit.page)
        see_that_nothing_is_cut_off(visit.page)
        loaded = visit.page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        assert [url for url in loaded if not url.startswith((pages.filled.url, "data:"))] == []
        assert visit.errors == []


def see_that_keys_reach_everything(page: Page) -> None:
    """And that it shows where the keyboard is."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to the content"
    for _ in range(min(page.evaluate(FOCUSABLE), 40)):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        assert where is None or where["shown"], where


# How many elements can be tabbed to; what has the focus, and whether anything shows it.
FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
    .filter(e => e.checkVisibility() && !e.disabled && e.type !== 'hidden').length - 1"""
WHERE = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const around = [element, element.parentElement, element.nextElementSibling].filter(Boolean);
    const marks = around.map(e => getComputedStyle(e));
    const shown = marks.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0
        || s.boxShadow !== 'none');
    const box = element.getBoundingClientRect();
    return {shown: shown && box.width > 0, html: element.outerHTML.slice(0, 200)};
}"""


def see_that_axe_finds_nothing(page: Page) -> None:
    """In light and in dark colours."""
    for scheme, options in SCHEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate("Promise.allSettled(document.getAnimations().map(a => a.finished))")
        found = Axe().run(page, options=options).response["violations"]
        places = [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]
        assert places == [], scheme


def see_that_nothing_is_cut_off(page: Page) -> None:
    """Neither on a desk at 200 % nor on a phone."""
    for width in (640, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for _ in range(50):  # charts follow a new width a moment later
            if page.evaluate("document.documentElement.scrollWidth") <= width:
                break
            page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_answer_breaks_its_lines_at_any_width(pages: Pages) -> None:
    """Where lines end differs by the fonts that a machine has."""
    with pages.visit("?range=12m") as visit:
        for width in range(320, 441, 4):
            visit.page.set_viewport_size({"width": width, "height": 844})
            answer = visit.page.locator(".answer")
            assert answer.evaluate("e => e.scrollWidth <= e.clientWidth"), width


def test_the_figure_is_reached_by_keyboard_alone(pages: Pages) -> None:
    """From the overview over its figure to a pull request, without a mouse."""
    page = pages.signed_in.new_page()
    page.goto(pages.address("?range=12m"))
    focus(page, "merged pull requests")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pull requests")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Open on GitHub")).to_be_visible()


def focus(page: Page, words: str) -> None:
    """Press Tab until the element with these words has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"Tab never reached “{words}”.")


def see_that_a_week_is_not_over(page: Page) -> None:
    """What is not complete is drawn with dashes."""
    chart = json.loads(page.locator("#cycle-time-data").inner_text())
    # On a Sunday the range has all of the week.
    dashed = len(chart["series"]) if any(chart["partial"]) else 0
    strokes = page.locator("#cycle-time path[stroke-dasharray]").evaluate_all(
        "paths => paths.map(path => path.getAttribute('stroke-dasharray'))"
    )
    assert sum(stroke.replace(" ", "") == "1,4" for stroke in strokes) == dashed
