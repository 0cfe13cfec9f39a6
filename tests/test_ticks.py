"""What is ticked while the list of repositories is being refreshed stays ticked."""

from __future__ import annotations

from pathlib import Path

import django_htmx
import pytest
from playwright.sync_api import Page, Route

from tests.program import ROOT

pytestmark = pytest.mark.browser
HERE = "http://repositories.test/"
SCRIPTS = {
    "htmx.js": Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js",
    "ours.js": ROOT / "apps/integrations/static/integrations/repositories.js",
}
LIST = """
<div id="repository-list">
  <div hx-post="/repos/" hx-trigger="every 100ms" hx-target="#repository-list"
    hx-swap="outerHTML"></div>
  <input type="checkbox" name="repositories" value="acme/api">
  <input type="checkbox" name="repositories" value="acme/web">
  <span data-ticked-count></span>
</div>
"""
PAGE = f"""
<meta name="htmx-config" content='{{"includeIndicatorStyles": false}}'>
<script src="/htmx.js"></script><script src="/ours.js" defer></script>{LIST}
"""


def test_it_works(page: Page) -> None:
    waiting: list[Route] = []

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(HERE)
        if route.request.method == "POST":
            waiting.append(route)  # answered below, when something was ticked meanwhile
        elif name in SCRIPTS:
            route.fulfill(path=SCRIPTS[name])
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    page.route(f"{HERE}**", answer)
    with page.expect_request(f"{HERE}repos/"):
        page.goto(HERE)
    page.get_by_role("checkbox").nth(1).check()
    with page.expect_request(f"{HERE}repos/"):  # the list that arrives now requests again
        page.evaluate("document.getElementById('repository-list').dataset.former = '1'")
        waiting[0].fulfill(body=LIST, content_type="text/html")
    assert page.locator("#repository-list[data-former]").count() == 0
    boxes = page.get_by_role("checkbox")
    assert [boxes.nth(place).is_checked() for place in range(2)] == [False, True]
    assert page.locator("[data-ticked-count]").inner_text() == "(1)"
