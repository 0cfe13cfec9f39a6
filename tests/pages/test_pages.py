"""Every page, full of data: accessible in light and dark, complete on a phone, usable by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect

from tests.addresses import RULES, TEAM
from tests.browser import COLOURS, OPEN_ALL, violations
from tests.pages.conftest import Filled

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
    "production/",
    "production/deployments/",
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
WITHOUT_DATA = (
    "",
    "pull-requests/",
    "reviews/",
    "flow/",
    "production/",
    "production/sources/",
    "compare/repositories/",
    "how-we-count/",
    "people/",
    "integrations/",
    "integrations/github/repos/",
    "settings/",
    "settings/members/",
)
DESK: ViewportSize = {"width": 1280, "height": 900}
ACCOUNT = ("/accounts/profile/", "/accounts/email/", "/accounts/password/change/", "/teams/new/")


class Tab:
    """A tab with a desktop screen; its page's requests and errors."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = page = context.new_page()
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._read)

    def _read(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, address: str) -> Page:
        """Opens one of our pages in light colours and without animation."""
        self.page.goto("about:blank")
        self.asked.clear()
        self.errors.clear()
        self.page.set_viewport_size(DESK)
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.page.goto(address, wait_until="networkidle")
        return self.page


class Tabs:
    """Two tabs, one signed in and one not: creating one takes longer than a page."""

    def __init__(self, browser: Browser, filled: Filled) -> None:
        self.filled = filled
        self._signed_in = Tab(browser.new_context(storage_state=filled.session))
        self._signed_out = Tab(browser.new_context())

    def of(self, path: str) -> Tab:
        return self._signed_out if path in OUTSIDE else self._signed_in

    def open(self, path: str) -> Page:
        """The page of this path."""
        return self.of(path).open(self.address(path))

    def address(self, path: str) -> str:
        path = self.filled.found.get(path, path)
        home = self.filled.program.url if path.startswith("/") else self.filled.team
        return f"{home}{path}"

    def close(self) -> None:
        for tab in (self._signed_in, self._signed_out):
            tab.page.context.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser, filled: Filled) -> Iterator[Tabs]:
    tabs = Tabs(browser, filled)
    yield tabs
    tabs.close()


def test_it_works(tabs: Tabs) -> None:
    page = tabs.open("")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    see_that_a_week_is_not_over(page)


@pytest.mark.parametrize("path", [*OUTSIDE, *ACCOUNT, *INSIDE])
def test_every_page(tabs: Tabs, path: str) -> None:
    """All checks of a page in one visit: opening it is what takes long."""
    look_at(tabs.of(path), tabs.address(path), tabs.filled.program.url)


@pytest.mark.parametrize("path", WITHOUT_DATA)
def test_every_page_of_a_team_without_data(tabs: Tabs, path: str) -> None:
    look_at(tabs.of(path), f"{tabs.filled.empty}{path}", tabs.filled.program.url)


def test_a_missing_page(tabs: Tabs) -> None:
    see_that_it_can_be_read(tabs.open("/none/"))


def look_at(tab: Tab, address: str, home: str) -> None:
    """It must be complete, accessible, usable by keyboard, and request nothing from other hosts."""
    page = tab.open(address)
    see_that_keys_reach_everything(page)
    see_that_it_can_be_read(page)
    assert [url for url in tab.asked if not url.startswith((home, "data:", "blob:"))] == []
    assert tab.errors == []


def see_that_keys_reach_everything(page: Page) -> None:
    """Also checks that the keyboard focus is visible."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to the content"
    for _ in range(min(page.evaluate(FOCUSABLE), 40)):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        assert where is None or where["shown"], where


# How many elements can be tabbed to; which has the focus, and whether that is visible.
FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
    .filter(e => e.checkVisibility() && !e.disabled && e.type !== 'hidden').length - 1"""
WHERE = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    // Chromium itself marks the button within a field of a date.
    if (element.matches('input[type=date]:not(:focus-visible)')) return null;
    const around = [element, element.parentElement, element.nextElementSibling].filter(Boolean);
    const marks = around.map(e => getComputedStyle(e));
    const shown = marks.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0
        || s.boxShadow !== 'none');
    const box = element.getBoundingClientRect();
    return {shown: shown && box.width > 0, html: element.outerHTML.slice(0, 200)};
}"""


def see_that_it_can_be_read(page: Page) -> None:
    """On a desktop, also at 200 %, and on a phone; in light and dark; also fully expanded."""
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, COLOURS) == []
    see_that_nothing_is_cut_off(page, 640, 390, 360)
    if page.locator("details:not([open])").count():
        page.evaluate(OPEN_ALL)
        assert violations(page, COLOURS) == []
        see_that_nothing_is_cut_off(page, 360, 640, 1280)
        page.emulate_media(color_scheme="light")
        assert violations(page) == []


def see_that_nothing_is_cut_off(page: Page, *widths: int) -> None:
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        for _ in range(50):  # charts follow a new width a moment later
            if page.evaluate("document.documentElement.scrollWidth") <= width:
                break
            page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_ON_THE_LEFT) == []


# Nobody can scroll there.
CUT_ON_THE_LEFT = """() => [...document.querySelectorAll('details[open] > div')]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().left < 0)
    .map(e => e.parentElement.textContent.slice(0, 60))"""


def test_paper_is_white_and_has_nothing_to_press(tabs: Tabs) -> None:
    """In dark colours, too: printers leave out backgrounds."""
    page = tabs.open("")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 29, 32)"
    expect(page.locator(".hides")).to_be_visible()
    expect(page.get_by_role("button", name="PNG")).to_have_count(0)
    expect(page.locator(".segments, .side").locator("visible=true")).to_have_count(0)
    names = page.locator("[data-chart] svg text").first
    expect(names).to_have_attribute("fill", "rgb(93, 96, 104)")
    page.emulate_media(media="screen")


def test_without_scripts_charts_are_tables(browser: Browser, filled: Filled) -> None:
    with browser.new_context(storage_state=filled.session, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(filled.team)
        expect(page.locator(".chart-area").locator("visible=true")).to_have_count(0)
        page.locator("figure summary").first.press("Enter")
        expect(page.locator("figure table").first).to_be_visible()


def test_the_answer_breaks_its_lines_at_any_width(tabs: Tabs) -> None:
    """Where lines end depends on the machine's fonts."""
    page = tabs.open("?range=12m")
    for width in range(320, 441, 4):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.locator(".answer").evaluate("e => e.scrollWidth <= e.clientWidth"), width


def test_a_low_window_shows_who_is_signed_in(tabs: Tabs) -> None:
    """The links above it scroll instead."""
    page = tabs.open("")
    page.set_viewport_size({"width": 1280, "height": 560})
    account = page.locator(".side .account").bounding_box()
    assert account
    assert account["y"] + account["height"] <= 560


def test_a_reversed_title_reverses_nothing_beside_it(tabs: Tabs) -> None:
    places = tabs.open("").evaluate("""() => {
        const line = document.querySelector("main").appendChild(document.createElement("p"));
        line.innerHTML = "<a href='#'>Fix \u202ethe login</a> <span>#12</span> <time>3 d</time>";
        return [...line.children].map((each) => each.getBoundingClientRect().x);
    }""")
    assert places == sorted(places)


def test_the_figure_is_reached_by_keyboard_alone(tabs: Tabs) -> None:
    """From the overview over its figure to a pull request, without a mouse."""
    page = tabs.open("?range=12m")
    focus(page, "merged pull requests")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pull requests")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Open on GitHub")).to_be_visible()


def focus(page: Page, words: str) -> None:
    """Presses Tab until the element with these words has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"Tab never reached “{words}”.")


def see_that_a_week_is_not_over(page: Page) -> None:
    """Incomplete weeks are drawn with dots, as are days with notes."""
    chart = json.loads(page.locator("#cycle-time-data").inner_text())
    # On a Sunday the range has all of the week.
    dotted = len(chart["series"]) if any(chart["partial"]) else 0
    dotted += len({note["place"] for note in chart["notes"]})
    strokes = page.locator("#cycle-time path[stroke-dasharray]").evaluate_all(
        "paths => paths.map(path => path.getAttribute('stroke-dasharray'))"
    )
    assert sum(stroke.replace(" ", "") == "1,4" for stroke in strokes) == dotted


ELSEWHERE = ("health/", "metrics", "openapi.json", f"{TEAM}settings/data/archive/")


def others() -> list[str]:
    """Every other URL without parameters."""
    pages = [route for route, rule in RULES.items() if "GET" in rule.methods and "^" not in route]
    plain = [page for page in pages if "<" not in page.removeprefix(TEAM)]
    seen = {*INSIDE, *(each[1:] for each in (*OUTSIDE, *ACCOUNT))}
    return [
        page
        for page in plain
        if page.removeprefix(TEAM) not in seen and not page.startswith(ELSEWHERE)
    ]


def test_no_page_needs_more(alice: BrowserContext, filled: Filled) -> None:
    """The context's fixture fails if a browser refused anything."""
    page, home = alice.new_page(), filled.program.url
    for address in others():
        # The URL polled until figures are prepared is no page.
        if "logout" not in address and "figures/prepared" not in address:
            inside = address.replace(TEAM, f"{filled.team.removeprefix(home)[1:]}")
            page.goto(f"{home}/{inside}", wait_until="load")
    page.goto(filled.team)
    page.locator("[data-chart] canvas, [data-chart] svg").first.hover()


def test_the_chosen_colours_stay(page: Page, filled: Filled) -> None:
    page.goto(filled.program.url)
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    page.reload()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_all_of_it_can_be_reached_by_keys(tabs: Tabs) -> None:
    page = tabs.open("settings/")
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
    page = tabs.open("integrations/github/repos/")
    page.locator(".dialog summary").first.press("Enter")
    page.get_by_label("Patterns").press("Escape")
    expect(page.get_by_label("Patterns")).to_be_hidden()
    expect(page.locator(".dialog summary").first).to_be_focused()
