"""Every page, full of data: accessible in light and dark, whole on a phone, usable by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

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


class Pages:
    """The team's pages, each opened once and kept; what went wrong in them."""

    def __init__(self, browser: Browser, filled: Filled) -> None:
        self.filled = filled
        self.signed_in = browser.new_context(storage_state=filled.session)
        self.signed_out = browser.new_context()
        self.opened: dict[str, Page] = {}
        self.errors: dict[str, list[str]] = {}

    def __getitem__(self, path: str) -> Page:
        """The page at a desk, in light colours, as it was when it was opened."""
        if path not in self.opened:
            self.opened[path] = self._open(path)
        page = self.opened[path]
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.bring_to_front()
        return page

    def _open(self, path: str) -> Page:
        page = (self.signed_out if path in OUTSIDE else self.signed_in).new_page()
        errors = self.errors.setdefault(path, [])
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        reply = page.goto(self.address(path), wait_until="networkidle")
        assert reply
        assert reply.status == 200
        return page

    def address(self, path: str) -> str:
        path = self.filled.found.get(path, path)
        return f"{self.filled.url}{path}" if path.startswith("/") else f"{self.filled.team}{path}"


@pytest.fixture(scope="module")
def pages(browser: Browser, filled: Filled) -> Iterator[Pages]:
    pages = Pages(browser, filled)
    yield pages
    pages.signed_in.close()
    pages.signed_out.close()


every_page = pytest.mark.parametrize("path", [*OUTSIDE, *ACCOUNT, *INSIDE])


def test_it_works(pages: Pages) -> None:
    expect(pages[""].get_by_role("heading", level=1)).to_have_text("Overview")


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(pages: Pages, path: str, scheme: Literal["light", "dark"]) -> None:
    page = pages[path]
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate("Promise.allSettled(document.getAnimations().map(a => a.finished))")
    rules = {"options": COLOURS} if scheme == "dark" else {}
    found = Axe().run(page, **rules).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found] == []


@every_page
def test_nothing_is_cut_off(pages: Pages, path: str) -> None:
    """Neither on a desk at 200 % nor on a phone."""
    page = pages[path]
    for width in (640, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for _ in range(50):  # charts follow a new width a moment later
            if page.evaluate("document.documentElement.scrollWidth") <= width:
                break
            page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_answer_breaks_its_lines_at_any_width(pages: Pages) -> None:
    """Where lines end differs by the fonts that a machine has."""
    page = pages["?range=12m"]
    for width in range(320, 441, 4):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.locator(".answer").evaluate("e => e.scrollWidth <= e.clientWidth"), width


@every_page
def test_nothing_comes_from_elsewhere_and_nothing_fails(pages: Pages, path: str) -> None:
    loaded = pages[path].evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert [url for url in loaded if not url.startswith((pages.filled.url, "data:"))] == []
    assert pages.errors[path] == []


@every_page
def test_the_keyboard_reaches_everything_and_shows_where_it_is(pages: Pages, path: str) -> None:
    page = pages[path]
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.reload(wait_until="networkidle")
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


def test_a_week_that_is_not_over_is_drawn_so(pages: Pages) -> None:
    page = pages[""]
    chart = json.loads(page.locator("#cycle-time-data").inner_text())
    # On a Sunday the range has all of the week.
    dashed = len(chart["series"]) if any(chart["partial"]) else 0
    strokes = page.locator("#cycle-time path[stroke-dasharray]").evaluate_all(
        "paths => paths.map(path => path.getAttribute('stroke-dasharray'))"
    )
    assert sum(stroke.replace(" ", "") == "1,4" for stroke in strokes) == dashed
