"""The cost of a page does not grow with the team; a large team's figures load after the page."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.metrics.figures.queries import LARGE
from apps.metrics.lists import explorer
from apps.metrics.models import PullRequest
from apps.metrics.tests.factories import (
    Review,
    make_copies,
    make_member,
    make_pull_request,
    make_repository,
)
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
MOST = 18  # four of them read what came since the page before, one the notes of charts
WAITS = 'class="follows'


def make_work(team: Team, number: int) -> PullRequest:
    """Repositories, people, and their activity within a month."""
    for n in range(number):
        shop = make_repository(team, f"acme/shop-{n}")
        author, reviewer = make_member(team, f"author-{n}"), make_member(team, f"reviewer-{n}")
        opened_at = timezone.now().replace(microsecond=0) - timedelta(days=2 + n % 25)
        common: dict[str, Any] = {"author": author, "opened_at": opened_at}
        turns = [("convert_to_draft", 2.0), ("ready_for_review", 3.0)]
        made = make_pull_request(
            shop,
            **common,
            reviews=[Review(reviewer, 4), Review(author, 5)],
            requests=[(reviewer, 1)],
            commits=[-1, 2],
            events=turns,
        )
        make_pull_request(shop, **common, state="open", reviews=[Review(reviewer, 1, "commented")])
        make_pull_request(shop, **common, state="closed")
    return made


def count(client: Client, path: str) -> int:
    client.get(path)
    caches["pages"].clear()
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def paths(one: PullRequest) -> list[str]:
    home = "/a/acme/"
    return [
        home,
        f"{home}flow/",
        f"{home}reviews/",
        f"{home}compare/repositories/",
        f"{home}compare/people/",
        f"{home}pull-requests/?range=all",
        f"{home}pull-requests/{one.repository.full_name}/{one.number}/",
        f"{home}people/{one.author_github_id}/",
        f"{home}repositories/{one.repository.github_repo_id}/",
    ]


def test_it_works(team: Team, alice_client: Client) -> None:
    one = make_work(team, 2)
    few = {path: count(alice_client, path) for path in paths(one)}
    make_work(team, 20)
    many = {path: count(alice_client, path) for path in few}
    for path, number in many.items():
        assert number <= MOST, path
    assert many == few


@pytest.fixture
def large(team: Team) -> None:
    """A team so large that its figures load after the page."""
    make_copies(make_work(team, 1), LARGE)


@pytest.mark.parametrize("page", ["", "flow/", "reviews/", "compare/people/"])
def test_a_large_team_s_page_comes_before_its_figures(
    page: str, large: None, alice_client: Client, charlie_client: Client
) -> None:
    path = f"/a/acme/{page}"
    frame = alice_client.get(path).content.decode()
    assert WAITS in frame
    assert f'hx-get="{path}?"' in frame
    assert f'href="{path}?whole=1"' in frame
    part = alice_client.get(path, headers={"HX-Request": "true"}).content.decode()
    assert WAITS not in part
    assert "<html" not in part
    # Once counted, they are on the page at once, with a script or without.
    for again in (path, f"{path}?whole=1"):
        assert part[-500:].strip() in alice_client.get(again).content.decode()
    assert charlie_client.get(path).status_code == 404


def test_a_large_team_s_list_says_how_many(large: None, alice_client: Client) -> None:
    path = "/a/acme/pull-requests/?range=all"
    assert "Preparing the figures" in alice_client.get(path).content.decode()
    page = alice_client.get(f"{path}&whole=1").content.decode()
    assert page.count('<th scope="row"') == explorer.PAGE
    # One of them is the original of the copies.
    counted = f"<strong>{LARGE + 1:,}</strong> pull requests"
    after = re.search(r'href="([^"]+after=[^"]+)"', page)
    assert after
    for again in (path, unescape(after[1]), f"{path}&sort=title", f"{path}&sort=-pickup_time"):
        assert counted in alice_client.get(again).content.decode()


def test_without_a_script_figures_come_with_their_page(large: None, alice_client: Client) -> None:
    whole = alice_client.get("/a/acme/flow/?whole=1").content.decode()
    assert WAITS not in whole
    assert "in progress" in whole
    assert "whole=1" not in whole


def test_a_bad_address_is_refused_where_it_can_be_read(large: None, alice_client: Client) -> None:
    asked = alice_client.get("/a/acme/?range=week", headers={"HX-Request": "true"})
    assert asked.headers["HX-Redirect"] == "/a/acme/?range=week&whole=1"
    assert alice_client.get(asked.headers["HX-Redirect"]).status_code == 400
