"""`make screenshot`: the README's picture, taken by the tests' browser from a demo of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import journey
from tests.browser import FLAGS, find
from tests.program import COMMAND, ROOT, clean_environment

PICTURE = ROOT / "docs/images/overview.png"
SIGN_IN = re.compile(r"Open (?P<url>\S+) and sign in as (?P<email>\S+) with the password (\S+)")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(Path(folder)) as (url, email, password),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, locale="en-GB")
        page.goto(url)
        journey.sign_in(page, email, password)
        fill(page)
        picture(page)
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1024} kB\n")


@contextmanager
def demo(folder: Path) -> Iterator[tuple[str, str, str]]:
    """A demo during the block: its URL, its user, and the password."""
    process = subprocess.Popen(
        [COMMAND, "demo"],
        cwd=ROOT,
        env=clean_environment(DATA_DIR=str(folder)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        match = SIGN_IN.match(process.stdout.readline())
        assert match
        yield match[1], match[2], match[3]
    finally:
        process.terminate()
        process.wait()


def fill(page: Page) -> None:
    """Connects the made-up organisation and fetches all of it."""
    journey.connect(page)
    journey.choose_organization(page, "acme")
    journey.track_everything(page, "acme/billing-service")
    journey.wait_for_the_history(page)


def picture(page: Page) -> None:
    journey.section(page, "Overview").click()
    page.wait_for_load_state("networkidle")
    PICTURE.parent.mkdir(exist_ok=True)
    page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
