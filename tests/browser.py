"""The system's Chromium: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil

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

# The rules of axe whose answer differs between light and dark.
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}


def find() -> str:
    """Its path; empty where there is none."""
    names = (os.environ.get("TEST_BROWSER", ""), *NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), "")
