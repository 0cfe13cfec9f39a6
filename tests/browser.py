"""The system's Chromium: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The axe rules whose result differs between light and dark.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RUN = """async (options) => {
    const found = await axe.run({resultTypes: ["violations"], ...options});
    return found.violations.flatMap(rule => rule.nodes.map(
        node => `${rule.id}: ${node.target} ${node.failureSummary}`));
}"""
OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true"


def find() -> str:
    """Its path; empty if there is none."""
    names = (os.environ.get("TEST_BROWSER", ""), *NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), "")


def violations(page: Page, options: Mapping[str, Any] | None = None) -> list[str]:
    """What axe finds: a rule and where it is violated. axe is loaded once into a document."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
    found: list[str] = page.evaluate(RUN, dict(options or {}))
    return found
