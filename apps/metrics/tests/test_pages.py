"""The pages of figures as Alice, Bob and Charlie see them."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.metrics.models import Commit, PullRequest, Repository, TeamMember
from apps.metrics.templatetags.figures import figure_text
from apps.metrics.tests.factories import (
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text, instant_text

pytestmark = pytest.mark.django_db
HOME = "/a/acme/"
PULLS = "/a/acme/pull-requests/"
PAGES = (HOME, PULLS, "/a/acme/how-we-count/")
JSON = {"Accept": "application/json"}


def recent(days: float = 3) -> Any:
    return timezone.now().replace(microsecond=0) - timedelta(days=days)


@pytest.fixture
def shop(team: Team) -> Repository:
    return make_repository(team)


@pytest.fixture
def authors(team: Team) -> tuple[TeamMember, TeamMember]:
    return make_member(team, "alice"), make_member(team, "bob")


@pytest.fixture
def merged(shop: Repository, authors: tuple[TeamMember, TeamMember]) -> PullRequest:
    alice, bob = authors
    return make_pull_request(
        shop,
        author=alice,
        opened_at=recent(),
        commits=[-2, 3],
        reviews=[Review(bob, 2, "changes_requested"), Review(bob, 5)],
        events=[("review_requested", 1), ("merged", 10)],
        title="Handle empty carts",
    )


def test_it_works(merged: PullRequest, alice_client: Client) -> None:
    page = alice_client.get(HOME).content.decode()
    assert "one merged pull request" in page
    assert "12 h" in page
    assert "/a/acme/pull-requests/acme/shop/" in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90, "2 min"),
        (3599, "1 h"),
        (86_382, "1 d"),
        (34 * 3600 + 50 * 60, "1 d 11 h"),
        (86_400 + 42 * 60, "1 d 1 h"),
        (14 * 86_400 - 60, "14 d"),
        (14 * 86_400 + 43_200, "15 d"),
    ],
)
def test_durations_are_rounded(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(days=18, hours=15), "19 d ago"),
        (timedelta(days=13, hours=22), "14 d ago"),
        (timedelta(minutes=59, seconds=50), "1 h ago"),
        (timedelta(hours=1, minutes=10), "1 h ago"),
        (-timedelta(days=7) + timedelta(seconds=1), "in 7 d"),
    ],
)
def test_relative_times_are_rounded_like_durations(ago: timedelta, text: str) -> None:
    now = timezone.now()
    assert instant_text(now - ago, now) == text


@pytest.mark.parametrize(
    ("reviewed", "of", "text"),
    [(299, 300, "99.7 %"), (1999, 2000, "99.9 %"), (1999, 2001, "99.9 %"), (300, 300, "100 %")],
)
def test_a_share_is_never_rounded_up_to_all(reviewed: int, of: int, text: str) -> None:
    assert figure_text(reviewed / of, "share") == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("path", PAGES)
def test_bob_reads_what_alice_reads(path: str, merged: PullRequest, bob_client: Client) -> None:
    assert bob_client.get(path).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, f"{PULLS}acme/shop/1/"])
def test_charlie_learns_nothing(path: str, merged: PullRequest, charlie_client: Client) -> None:
    assert charlie_client.get(path).status_code == 404
    assert charlie_client.get(path, headers=JSON).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_signed_out_people_sign_in(path: str, merged: PullRequest, client: Client) -> None:
    assert client.get(path).status_code == 302
    assert client.get(path, headers=JSON).status_code == 401


def test_a_team_without_data_sees_what_to_do(
    team: Team, alice_client: Client, bob_client: Client
) -> None:
    for client in (alice_client, bob_client):
        page = client.get(HOME)
        assert page.status_code == 200
        assert "/a/acme/integrations/" in page.content.decode()
        assert client.get(PULLS).status_code == 200


@pytest.mark.parametrize("path", [HOME, PULLS])
@pytest.mark.parametrize(
    "query",
    [
        *("range=x", "since=yesterday", "until=0000-00-00", "repo=nobody/nothing", "size=huge"),
        "&".join(f"label=l{n}" for n in range(1200)),
    ],
)
def test_a_wrong_address_is_explained(
    path: str, query: str, merged: PullRequest, alice_client: Client
) -> None:
    page = alice_client.get(f"{path}?{query}")
    assert page.status_code == 400
    assert "The address asks for something that does not exist" in page.content.decode()
    reply = alice_client.get(f"{path}?{query}", headers=JSON)
    assert reply.status_code == 400
    assert reply.json()["errors"]


@pytest.mark.parametrize(
    "query",
    [
        *("sort=cuteness", "state=lost", "flag=x", "waiting=x", "after=x", "after=W10"),
        *("format=xml", f"after={'W1tb' * 1000}", f"q={'+'.join(map(str, range(1200)))}"),
    ],
)
def test_an_invalid_list(query: str, merged: PullRequest, alice_client: Client) -> None:
    assert alice_client.get(f"{PULLS}?{query}").status_code == 400


def test_a_page_asks_no_more_than_thirteen_times(
    merged: PullRequest, shop: Repository, alice_client: Client
) -> None:
    for path in (HOME, PULLS, f"{PULLS}acme/shop/{merged.number}/"):
        assert alice_client.get(path).status_code == 200  # the team is remembered once
        with CaptureQueriesContext(connection) as asked:
            alice_client.get(path)
        assert len(asked) <= 13, [query["sql"] for query in asked]


def test_overview_list_export_and_json_agree(
    merged: PullRequest,
    shop: Repository,
    authors: tuple[TeamMember, TeamMember],
    alice_client: Client,
) -> None:
    alice, _ = authors
    bot = make_member(shop.team, "helper", is_bot=True)
    for days, author in ((4, alice), (20, alice), (20, bot), (80, alice)):
        make_pull_request(shop, author=author, opened_at=recent(days))
    for query, count in (("", 4), ("range=4w", 3), ("bots=1", 5), ("range=all&person=alice", 4)):
        overview = alice_client.get(f"{HOME}?{query}", headers=JSON).json()
        listed = alice_client.get(f"{PULLS}?{query}", headers=JSON).json()
        lines = alice_client.get(f"{PULLS}?{query}&format=jsonl").getvalue().decode()
        table = alice_client.get(f"{PULLS}?{query}&format=csv").getvalue().decode()
        rows = [json.loads(line) for line in lines.splitlines()]
        assert overview["figures"]["merged"] == count
        assert listed["count"] == len(listed["pull_requests"]) == count
        assert rows == listed["pull_requests"]
        assert len(list(csv.DictReader(io.StringIO(table)))) == count


def test_pages_of_the_list_have_each_once(shop: Repository, alice_client: Client) -> None:
    made = {
        make_pull_request(shop, opened_at=recent(n / 10), ended=n % 3).number for n in range(120)
    }
    for sort in ("", "-cycle_time", "cycle_time", "title", "-pickup_time", "author", "-lines"):
        found, address = [], f"{PULLS}?sort={sort}&bots=1"
        while address:
            reply = alice_client.get(address, headers=JSON).json()
            found += [row["number"] for row in reply["pull_requests"]]
            address = reply["next"]
        assert sorted(found) == sorted(made)


def test_sorted_with_none_last(merged: PullRequest, shop: Repository, alice_client: Client) -> None:
    unreviewed = make_pull_request(shop, opened_at=recent())
    for sort in ("pickup_time", "-pickup_time"):
        reply = alice_client.get(f"{PULLS}?sort={sort}", headers=JSON).json()
        numbers = [row["number"] for row in reply["pull_requests"]]
        assert numbers == [merged.number, unreviewed.number]


def test_search_and_facets(merged: PullRequest, shop: Repository, alice_client: Client) -> None:
    make_pull_request(shop, opened_at=recent(), title='Revert "x"', fields={"is_revert": True})
    make_pull_request(shop, opened_at=recent(), state="open")
    make_pull_request(shop, opened_at=recent(), state="closed")
    for query, count in (
        ("q=EMPTY+carts", 1),
        ("q=carts+revert", 0),
        ("flag=revert", 1),
        ("reviewed=no", 1),
        ("reviewed=yes", 1),
        ("state=open", 1),
        ("waiting=nobody", 1),
        ("waiting=author", 0),
        ("state=closed", 1),
        ("state=opened", 4),
    ):
        reply = alice_client.get(f"{PULLS}?{query}", headers=JSON).json()
        assert reply["count"] == count, query


def test_a_pull_request_explains_itself(merged: PullRequest, alice_client: Client) -> None:
    page = alice_client.get(f"{PULLS}acme/shop/{merged.number}/").content.decode()
    assert "Handle empty carts" in page
    assert "From ready for review to the first review." in page
    assert merged.url in page
    reply = alice_client.get(f"{PULLS}Acme/Shop/{merged.number}/", headers=JSON).json()
    assert reply["cycle_time"] == 12 * 3600
    assert [mark["kind"] for mark in reply["timeline"]][:2] == ["commit", "opened"]
    assert "Written on" not in page
    Commit.objects.update(committed_at=merged.opened_at)  # as a rebase leaves them
    page = alice_client.get(f"{PULLS}acme/shop/{merged.number}/").content.decode()
    written = min(at for commit in Commit.objects.all() if (at := commit.authored_at))
    assert f"Written on {written:%-d %b %Y}, and amended or rebased since." in page


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_pull_request_that_is_not_merged(
    state: str, shop: Repository, alice_client: Client
) -> None:
    found = make_pull_request(shop, state=state, opened_at=recent(), is_draft=state == "open")
    assert alice_client.get(f"{PULLS}acme/shop/{found.number}/").status_code == 200


def test_no_such_pull_request(merged: PullRequest, alice_client: Client) -> None:
    other = make_pull_request(make_repository(make_team("Other"), "other/shop"))
    for path in (f"other/shop/{other.number}/", f"acme/shop/{10**30}/", "acme/none/1/"):
        assert alice_client.get(PULLS + path).status_code == 404


def test_a_nul_in_an_address_is_left_out(merged: PullRequest, alice_client: Client) -> None:
    path = f"{PULLS}acme/sh%00op/{merged.number}/"
    assert alice_client.get(path).status_code == 200


def test_titles_are_text(shop: Repository, alice_client: Client) -> None:
    title = "</script><script>alert(1)</script>"
    found = make_pull_request(shop, opened_at=recent(), title=title)
    for path in (HOME, PULLS, f"{PULLS}acme/shop/{found.number}/"):
        assert "<script>alert" not in alice_client.get(path).content.decode()


def test_data_that_begins_within_the_range_is_announced(team: Team, alice_client: Client) -> None:
    make_pull_request(make_repository(team), opened_at=timezone.now() - timedelta(days=20))
    sentence = "within this range, so no weekly figures are given"
    page = alice_client.get("/a/acme/?range=3m").content.decode()
    assert sentence in page
    assert "Merged a week" not in page
    assert sentence not in alice_client.get("/a/acme/?range=all").content.decode()


def test_an_open_page_follows_new_data(
    merged: PullRequest, shop: Repository, alice_client: Client
) -> None:
    etag = alice_client.get(HOME).headers["ETag"].strip('"')
    asked = {"HX-Request": "true"}
    same = alice_client.get(f"{HOME}?version={etag}", headers=asked).content.decode()
    assert "As of" in same
    assert "merged pull request" not in same
    make_pull_request(shop, opened_at=recent())
    part = alice_client.get(f"{HOME}?version={etag}", headers=asked)
    assert part.status_code == 200
    assert "2 merged pull requests" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert part.headers["HX-Retarget"] == "#figures"


def test_an_unchanged_page_is_not_modified(merged: PullRequest, alice_client: Client) -> None:
    etag = alice_client.get(HOME, headers=JSON).headers["ETag"]
    reply = alice_client.get(HOME, headers={**JSON, "If-None-Match": etag})
    assert reply.status_code == 304


def test_changes_need_a_whole_period_before(shop: Repository, alice_client: Client) -> None:
    for days in (30, *range(100, 106)):
        make_pull_request(shop, opened_at=recent(days))
    page = alice_client.get(HOME).content.decode()
    assert "so the previous period is incomplete" in page
    assert "no data for the whole of both periods" in page
    make_pull_request(shop, opened_at=recent(300))
    page = alice_client.get(HOME).content.decode()
    assert "so the previous period is incomplete" not in page
    assert '<span title="too few to tell">was 10\xa0h</span>' in page


def test_no_inline_scripts(merged: PullRequest, alice_client: Client) -> None:
    for path in (*PAGES, f"{PULLS}acme/shop/{merged.number}/"):
        page = alice_client.get(path).content.decode()
        scripts = page.split("<script")[1:]
        assert all(" src=" in s.split(">")[0] or "json" in s.split(">")[0] for s in scripts)
        assert "style=" not in page
        assert "onclick" not in page
