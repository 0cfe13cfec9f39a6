"""The pages of figures in a browser: they draw, fit, update and agree."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.conftest import visitor
from tests.pages.conftest import Filled

pytestmark = pytest.mark.browser
WATCH_SHIFTS = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) window.moved += each.value;
}).observe({type: 'layout-shift', buffered: true});
"""


def opened(context: BrowserContext, filled: Filled, address: str) -> Page:
    """A page of Harbour's; errors in its console fail the test."""
    page = context.new_page()
    page.on("console", lambda message: pytest.fail(message.text))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(filled.team + address)
    return page


def test_it_works(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "?range=12m")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("from first commit to merge")
    found = re.search(r"(\d+) merged pull requests", answer.inner_text())
    assert found
    expect(page.locator("[data-chart] svg")).to_have_count(4)
    answer.get_by_role("link").first.click()
    expect(page.get_by_text(f"{found[1]} pull requests", exact=True).first).to_be_visible()
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.get_by_role("link", name="Open on GitHub")).to_be_visible()


def test_a_bar_opens_exactly_its_pull_requests(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "flow/?range=12m")
    figure = page.locator("figure", has=page.locator("#histogram-cycle_time"))
    figure.locator("summary").click()
    cell = figure.locator("td a").first
    address, count = cell.get_attribute("href"), cell.inner_text()
    names = figure.locator("tbody th").all_inner_texts()
    place = [len(row.locator("a").all()) for row in figure.locator("tbody tr").all()].index(1)
    box = page.locator("#histogram-cycle_time").bounding_box()
    assert box
    # The bars share the width; the axis takes less than half of one.
    x = box["width"] * (place + 0.75) / len(names)
    page.locator("#histogram-cycle_time").click(position={"x": x, "y": box["height"] * 0.7})
    page.wait_for_url(f"**{address}")
    expect(page.locator(".list-count strong")).to_have_text(count)
    expect(page.locator(".list-count")).to_contain_text("counted in cycle time")


def test_a_deployment_is_corrected_by_keyboard(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "production/deployments/?range=12m")
    links = page.get_by_role("main").locator("tbody th a")
    addresses = links.evaluate_all("all => all.map(each => each.href)")
    correct = page.locator("summary", has_text="Correct this")
    for address in addresses:  # repeats, rollbacks and unsuccessful ones cannot have failed
        page.goto(address)
        if correct.count():
            break
    before = page.locator(".verdict-section > p").first.inner_text()
    for verdict, note, said in (
        ("It failed", "Carts were empty", "It counts as failed."),
        ("What the evidence says", "", "The correction is removed"),
    ):
        correct.focus()
        page.keyboard.press("Enter")
        page.get_by_label(verdict).focus()
        page.keyboard.press("Space")
        page.get_by_label("Note").fill(note)
        page.keyboard.press("Enter")
        expect(page.get_by_text(said)).to_be_visible()
        expect(page.get_by_text("“Carts were empty”")).to_have_count(1 if note else 0)
    expect(page.locator(".verdict-section > p").first).to_have_text(before)


def test_on_a_phone_a_tap_shows_and_a_second_one_opens(browser: Browser, filled: Filled) -> None:
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True}
    with visitor(browser, storage_state=filled.session, **phone) as context:
        _tap_twice(opened(context, filled, "?range=4w"), filled.team)


def _tap_twice(page: Page, team: str) -> None:
    weeks = json.loads(page.locator("#merged-data").inner_text())
    merged = weeks["series"][0]["values"]
    place = next(at for at in range(1, len(merged) - 1) if merged[at] and weeks["previous"][at])
    year, week = weeks["labels"][place].split("-W")
    page.goto(f"{team}notes/")
    page.get_by_label("Day").fill(date.fromisocalendar(int(year), int(week), 3).isoformat())
    page.get_by_label("What happened").fill("Merge queue introduced")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("rowheader", name="Merge queue introduced")).to_be_visible()
    page.goto(f"{team}?range=4w")
    expect(page.locator(".chart-notes")).to_contain_text("1 Merge queue introduced")
    chart = page.locator("#merged")
    chart.scroll_into_view_if_needed()
    tap(page, place)
    for text in (
        weeks["dates"][place],
        f"Merged: {merged[place]}",
        f"Period before: {weeks['previous'][place]}",
        "1: Merge queue introduced",
    ):
        expect(chart).to_contain_text(text)
    assert page.url == f"{team}?range=4w"
    tap(page, place)
    page.wait_for_url("**/pull-requests/?since=*")
    expect(page.locator(".list-count strong")).to_have_text(str(merged[place]))


def tap(page: Page, place: int) -> None:
    """Taps a bar of the chart of merged pull requests."""
    area = "document.getElementById('merged')"
    x, y = page.evaluate(
        f"echarts.getInstanceByDom({area}).convertToPixel({{seriesIndex: 0}}, [{place}, 0])"
    )
    box = page.locator("#merged").bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + x, box["y"] + y - 2)


def test_headers_and_first_columns_stay_in_sight(browser: Browser, filled: Filled) -> None:
    """For tables that fit in the window, and for wider ones in their own scroll area.

    On a phone tables scroll only sideways, and only the page scrolls up and down.
    """
    for width in (1280, 390):
        window = {"width": width, "height": 500}
        with visitor(browser, viewport=window, storage_state=filled.session) as context:
            page = opened(context, filled, "pull-requests/?range=12m")
            row = page.get_by_role("rowheader").nth(15)
            row.scroll_into_view_if_needed()
            if width == 1280:
                expect(page.get_by_role("columnheader", name="Pull request")).to_be_in_viewport()
            hidden = "each => each.scrollHeight - each.clientHeight"
            assert width == 1280 or page.locator(".table-scroll").evaluate(hidden) <= 1
            last_cell = page.locator("tbody tr").nth(15).locator("td").last
            last_cell.scroll_into_view_if_needed()
            expect(row).to_be_in_viewport()
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_take_the_chosen_colours(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "")
    chart = page.locator("#merged svg")
    expect(chart).to_be_visible()
    light = chart.inner_html()
    page.evaluate("chooseTheme('dark')")
    expect(chart).to_be_visible()
    assert page.locator("#merged svg").inner_html() != light


def test_a_chart_can_be_kept_and_read_as_a_table(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "")
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG of Merged").click()
    assert download.value.suggested_filename == "merged.png"
    figure = page.locator("figure", has=page.locator("#merged"))
    figure.get_by_text("Table").click()
    expect(figure.get_by_role("columnheader", name="Week")).to_be_visible()


def test_filters_by_keys_stay_in_the_address(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "")
    page.get_by_role("radio", name="3 months").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**range=12m**")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Bots too").check()
    page.locator(".filters details[open]").get_by_role("button", name="Apply").click()
    page.wait_for_url("**bots=1**")
    assert "range=12m" in page.url
    expect(page.get_by_text("Pages open with this filter for you")).to_be_visible()
    page.goto(f"{filled.team}flow/")
    assert "range=12m&bots=1" in page.url
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_url("**/flow/")


def test_a_list_by_keys_alone(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "pull-requests/?range=all")
    page.locator(".columns-picker summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="Repository")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**columns=**")
    chosen = page.get_by_role("columnheader", name="Repository")
    expect(chosen).to_be_visible()
    # They stay in the list of another state, and under another filter.
    page.get_by_role("link", name="Opened", exact=True).click()
    page.wait_for_url("**state=opened**")
    expect(chosen).to_be_visible()
    page.get_by_role("radio", name="All time").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**range=12m**")
    expect(chosen).to_be_visible()
    page.get_by_role("columnheader", name="Lines").get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=-lines**")
    expect(page.get_by_role("columnheader", name="Lines")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.locator(".actions summary", has_text="Views").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("By repository")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved as By repository")).to_be_visible()


def test_labels_are_looked_up_and_stay_ticked(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "pull-requests/?range=all")
    page.locator(".filters summary", has_text="Labels").click()
    picker = page.locator(".filters .picker[open]")
    box = picker.locator(".found input[type=checkbox]").first
    name = box.get_attribute("value")
    box.check()
    picker.get_by_role("searchbox").fill("no such label")
    expect(picker.get_by_text("as typed")).to_be_visible()
    picker.get_by_role("searchbox").fill("")
    picker.get_by_role("button", name="Apply").click()
    page.wait_for_url("**label=**")
    expect(page.get_by_text(f"only labelled {name}")).to_be_visible()
    page.get_by_role("button", name="Reset", exact=True).click()


def test_a_page_stays_unchanged_while_a_user_types(alice: BrowserContext, filled: Filled) -> None:
    page = opened(alice, filled, "pull-requests/?range=all")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    follow = "htmx.trigger('.fresh', 'follow')"
    page.evaluate("document.querySelector('.fresh').setAttribute('hx-trigger', 'follow')")
    page.evaluate("htmx.process(document.querySelector('.fresh'))")
    page.get_by_role("searchbox", name="Words in the title, or a number").focus()
    page.evaluate(follow)
    assert [url for url in asked if "version=" in url] == []
    page.get_by_role("heading", level=1).click()
    with page.expect_response(re.compile("version=")) as response:
        page.evaluate(follow)
    assert "hx-get" in response.value.text()


def test_nothing_moves_while_charts_appear(alice: BrowserContext, filled: Filled) -> None:
    page = alice.new_page()
    page.add_init_script(WATCH_SHIFTS)
    page.goto(filled.team)
    expect(page.locator("[data-chart] svg")).to_have_count(4)
    assert page.evaluate("window.moved") < 0.02


@pytest.mark.parametrize(
    ("address", "most"), [("", 450_000), ("flow/", 450_000), ("pull-requests/", 60_000)]
)
def test_a_first_view_is_light(browser: Browser, filled: Filled, address: str, most: int) -> None:
    """Bytes as sent: pages compressed, files compressed and cached forever."""
    context = browser.new_context(storage_state=filled.session)
    page = context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(filled.team + address, wait_until="networkidle")
    files = [answer for answer in answers if "/static/" in answer.url]
    assert files
    assert all("immutable" in (each.header_value("Cache-Control") or "") for each in files)
    assert page.locator("head script:not([defer])").count() == 0
    sent = {each.url: each.request.sizes()["responseBodySize"] for each in answers}
    context.close()
    assert sum(sent.values()) <= most, sent


def test_what_moved_the_mean_adds_up(alice: BrowserContext, filled: Filled) -> None:
    """To the second, on the simulated GitHub's history and under each filter."""
    page = opened(alice, filled, "")
    found = 0
    for address in ("range=3m", "range=4w", "range=3m&size=M,L", "range=3m&bots=1", "range=12m"):
        reply = page.request.get(f"{filled.team}?{address}", headers={"Accept": "application/json"})
        if moved := reply.json()["moved"]:
            whole = moved["mean"] - moved["previous_mean"]
            for parts in moved["parts"].values():
                assert sum(part["within"] + part["mix"] for part in parts) == whole
                found += 1
    assert found
