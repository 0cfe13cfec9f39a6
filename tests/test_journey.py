"""The whole journey in a browser, with a company's services: to a figure, and to its PR.

On one machine the journey is in tests/pages, and continues from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from github_simulator.acts import act
from github_simulator.testing import Running
from github_simulator.world import PullRequest
from tests import journey
from tests.conftest import Installation, installation, small_world
from tests.program import on_services

AGENTS = ("copilot-swe-agent", "devin-ai-integration", "claude")

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture
def installed(chromium: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(on_services, tmp_path, small_world()) as found:
        yield found


def test_it_works(installed: Installation, page: Page) -> None:
    page.goto(installed.program.url)
    journey.sign_up(page, "alice@example.com")
    journey.make_team(page, "Harbour")
    journey.connect(page)
    journey.choose_organization(page, "acme")
    journey.track_everything(page, "acme/billing-service")
    journey.wait_for_the_history(page)
    look_around(page, installed.github)


def look_around(page: Page, github: Running) -> None:
    """From the sync page, with the whole history."""
    see_the_count(page, github)
    see_people(page, github)
    merged = see_the_figure(page, github)
    open_one_of(page, merged)
    follow_a_merge(page, github, len(merged))


def see_people(page: Page, github: Running) -> None:
    """All members of the organisation, as on GitHub."""
    world = github.simulator.world
    acme = world.account("acme")
    assert acme
    journey.section(page, "People").click()
    for member in world.organizations[acme.id].members:
        row = page.get_by_role("rowheader").filter(has_text=world.accounts[member].login)
        expect(row.first).to_be_visible()


def of_acme(github: Running) -> list[PullRequest]:
    """Every pull request of the organisation, as on GitHub."""
    repositories = github.simulator.world.repositories.values()
    return [pr for r in repositories if r.owner.login == "acme" for pr in r.pull_requests.values()]


def see_the_count(page: Page, github: Running) -> None:
    total = len(of_acme(github))
    expect(page.get_by_text(f"{total} pull requests stored")).to_be_visible()


def see_the_figure(page: Page, github: Running) -> list[PullRequest]:
    """How many were merged in a year, bots aside; counted here again from GitHub's own rows."""
    merged = [pr for pr in of_acme(github) if pr.state == "MERGED" and by_a_person(pr)]
    journey.section(page, "Overview").click()
    page.get_by_text("12 months").click()
    figure = page.get_by_role("link", name=f"{len(merged)} merged pull requests")
    expect(figure).to_be_visible()
    figure.click()
    expect(page.get_by_text(f"{len(merged)} pull requests")).to_be_visible()
    return merged


def follow_a_merge(page: Page, github: Running, count: int) -> None:
    """A merge while the overview is open: the hook reports it, and the figure changes."""
    journey.section(page, "Overview").click()
    page.get_by_text("12 months").click()
    figure = page.get_by_role("link", name=f"{count} merged pull requests")
    expect(figure).to_be_visible()
    here = page.url
    billing = github.simulator.world.repository("acme/billing-service")
    for _ in range(120):  # hooks are created one a second, after the history
        if billing and billing.hooks:
            break
        page.wait_for_timeout(500)
    assert billing
    assert billing.hooks, "no hook was made within a minute"
    who = {"repository": "acme/billing-service", "actor": a_member(github)}
    number = act(github.simulator, "open", {**who, "title": "Round to the cent"})["number"]
    act(github.simulator, "merge", {**who, "number": number})
    figure = page.get_by_role("link", name=f"{count + 1} merged pull requests")
    expect(figure).to_be_visible(timeout=60_000)
    assert page.url == here


def a_member(github: Running) -> str:
    world = github.simulator.world
    acme = world.account("acme")
    assert acme
    return world.accounts[next(iter(world.organizations[acme.id].members))].login


def by_a_person(pull_request: PullRequest) -> bool:
    """By a person, or by an agent that a person let work: all but bots like dependabot."""
    author = pull_request.author
    return author is None or author.type != "Bot" or author.login in AGENTS


def open_one_of(page: Page, merged: list[PullRequest]) -> None:
    """The first of the list: it is one of those counted, and links to GitHub."""
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).not_to_have_text("Pull requests")
    title = heading.inner_text()
    href = page.get_by_role("link", name="Open on GitHub").get_attribute("href") or ""
    number = int(re.findall(r"/pull/(\d+)$", href)[0])
    assert any(pr.number == number and pr.title.strip() == title.strip() for pr in merged)
