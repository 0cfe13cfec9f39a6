"""The list of all pull requests: its order, paging in both directions, search, files."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.metrics.lists.columns import COLUMNS
from apps.metrics.models import PullRequest, Repository
from apps.metrics.tests.factories import make_member, make_pull_request, make_repository
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
PULLS = "/a/acme/pull-requests/"
JSON = {"Accept": "application/json"}


def ask(client: Client, query: str) -> Any:
    return client.get(f"{PULLS}?{query}", headers=JSON).json()


def numbers(reply: Any) -> list[int]:
    return [row["number"] for row in reply["pull_requests"]]


def walk(client: Client, address: str | None, way: str) -> Iterator[list[int]]:
    """The pages of a list from a URL on."""
    while address:
        reply = client.get(address, headers=JSON).json()
        yield numbers(reply)
        address = reply[way]


@pytest.fixture
def shop(team: Team) -> Repository:
    return make_repository(team)


@pytest.fixture
def many(shop: Repository) -> list[PullRequest]:
    """Enough for three pages; most columns have equal and missing values."""
    chance = random.Random(7)
    people = [None, *(make_member(shop.team, login) for login in ("bob", "Alice", "émile"))]
    now = timezone.now().replace(microsecond=0)
    return [
        make_pull_request(
            shop,
            author=chance.choice(people),
            opened_at=now - timedelta(days=chance.randint(1, 9)),
            ended=chance.randint(1, 4),
            title=chance.choice(["add", "Bump", "zap", "Écrire"]),
            additions=chance.choice([1, 7, 300]),
            fields={
                "labels": chance.choice([[], ["bug"], ["Api", "bug"]]),
                "pickup_time": chance.choice([None, 60, 3600]),
                "updated_at": now - timedelta(seconds=chance.randint(0, 3)),
            },
        )
        for _ in range(120)
    ]


def test_it_works(many: list[PullRequest], alice_client: Client) -> None:
    page = alice_client.get(f"{PULLS}?range=4w&columns=labels,state").content.decode()
    assert "<strong>120</strong> pull requests" in page
    assert 'rel="next"' in page
    assert ">Labels</a>" in page
    assert ">Cycle time</a>" not in page


def test_every_column_sorts_and_pages_lead_on_and_back(
    many: list[PullRequest], alice_client: Client
) -> None:
    """Every second column descending; one algorithm turns them all."""
    for sort in (sign + column for sign, column in zip(cycle(("", "-")), COLUMNS, strict=False)):
        replies = list(_replies(alice_client, f"{PULLS}?range=4w&sort={sort}"))
        there = [numbers(reply) for reply in replies]
        whole = [number for page in there for number in page]
        assert [len(page) for page in there] == [50, 50, 20], sort
        assert sorted(whole) == sorted(each.number for each in many), sort
        back = list(walk(alice_client, replies[-1]["previous"], "previous"))
        assert back == there[-2::-1], sort
        rows = alice_client.get(f"{PULLS}?range=4w&sort={sort}&format=jsonl")
        lines = rows.getvalue().decode().splitlines()
        assert [json.loads(line)["number"] for line in lines] == whole, sort


def test_a_page_says_where_it_is(many: list[PullRequest], alice_client: Client) -> None:
    for sort in ("-merged_at", "pickup_time", "-lines"):
        _, second, third = _replies(alice_client, f"{PULLS}?range=4w&sort={sort}")
        shown = {
            "1–50 of 120": second["previous"],
            "51–100 of 120": third["previous"],
            "101–120 of 120": second["next"],
        }
        for position, address in shown.items():
            assert f"<span>{position}</span>" in alice_client.get(address).content.decode(), sort


def _replies(client: Client, address: str | None) -> Iterator[Any]:
    while address:
        reply = client.get(address, headers=JSON).json()
        yield reply
        address = reply["next"]


def test_the_order_is_the_same_on_every_database(
    many: list[PullRequest], alice_client: Client
) -> None:
    """By plain Python: in any case, letters by their codes, missing values last, ties by key."""
    for sort, key in (
        ("title", lambda each: each.title.replace("É", "é").lower()),
        ("author", lambda each: (each.author_login or "").lower()),
        ("pickup_time", lambda each: each.pickup_time or 0),
        ("labels", lambda each: (each.labels or [""])[0].lower()),
        ("updated_at", lambda each: each.updated_at),
    ):
        lacks = {"author": "author_login", "pickup_time": "pickup_time", "labels": "labels"}
        none = [each for each in many if sort in lacks and getattr(each, lacks[sort]) in (None, [])]
        some = [each for each in many if each not in none]
        for sign, turned in (("", False), ("-", True)):
            expected = sorted(some, key=lambda each: (key(each), each.pk), reverse=turned)
            expected += sorted(none, key=lambda each: each.pk, reverse=turned)
            got = [
                n
                for p in walk(alice_client, f"{PULLS}?range=4w&sort={sign}{sort}", "next")
                for n in p
            ]
            assert got == [each.number for each in expected], sign + sort


def test_a_place_stays_where_rows_come_and_go(
    many: list[PullRequest], shop: Repository, alice_client: Client
) -> None:
    first = ask(alice_client, "range=4w&sort=-lines")
    second = numbers(alice_client.get(first["next"], headers=JSON).json())
    make_pull_request(shop, opened_at=timezone.now() - timedelta(days=1), additions=10**6, ended=1)
    PullRequest.objects.filter(number=numbers(first)[-1]).delete()
    assert numbers(alice_client.get(first["next"], headers=JSON).json()) == second


@pytest.mark.parametrize(
    "wrong", ["x", "W10", "WyJsaW5lcyIsMSwxXQ", "WyJtZXJnZWRfYXQiLG51bGwsMV0", "e30", "A" * 5000]
)
def test_an_invalid_position(wrong: str, many: list[PullRequest], alice_client: Client) -> None:
    """Nonsense, the position of another order, and a missing value where there is always one."""
    for way in ("after", "before"):
        query = f"{PULLS}?sort=opened_at&{way}={wrong}"
        assert alice_client.get(query, headers=JSON).status_code == 400


@pytest.mark.parametrize("sort", ["-cycle_time", "-title"])
def test_a_late_page_costs_as_much_as_the_first(
    sort: str, many: list[PullRequest], shop: Repository, alice_client: Client
) -> None:
    """The start is found in memory, or by a condition: no query skips the rows before."""
    second = ask(alice_client, f"range=4w&sort={sort}")["next"]
    with CaptureQueriesContext(connection) as asked:
        assert alice_client.get(second, headers=JSON).json()["count"] == 120
    texts = [query["sql"] for query in asked if query["sql"].startswith('SELECT "metrics_pull')]
    assert texts
    assert not [text for text in texts if "OFFSET" in text or "COUNT(*)" in text]
    assert len(asked) <= 13
    make_pull_request(shop, opened_at=timezone.now() - timedelta(days=1))
    assert ask(alice_client, "range=4w")["count"] == 121


WORDS = (
    ("handle", 2),
    ("HANDLE carts", 1),
    ("carts handle", 1),
    ('"handle empty"', 1),
    ('"empty handle"', 0),
    ("100%", 1),
    ("%", 1),
    ("_", 1),
    ("\\", 1),
    ("ÜBER", 1),
    ("über", 1),
    ("o'clock", 1),
    ("art", 1),
    ('"', 5),
)


def test_words_in_titles(shop: Repository, alice_client: Client) -> None:
    """The same on every database: anywhere, in any case, whatever the characters."""
    for title in (
        "Handle empty carts",
        "Übergabe: handle_it",
        "Use 100% of it",
        "At twelve o'clock",
        "A \\ in a path",
    ):
        make_pull_request(shop, title=title, opened_at=timezone.now() - timedelta(days=2))
    for text, count in WORDS:
        reply = alice_client.get(PULLS, {"q": text}, headers=JSON).json()
        assert reply["count"] == count, text


def test_numbers_and_addresses(shop: Repository, alice_client: Client) -> None:
    opened = timezone.now() - timedelta(days=2)
    for number, title in ((12, "Add carts"), (112, "Follow up on #12"), (7, "Pay in 12 steps")):
        make_pull_request(shop, title=title, opened_at=opened, fields={"number": number})
    for text, found in (
        ("12", {12, 112, 7}),
        ("#12", {12, 112}),
        ("#12 carts", {12}),
        ("#8", set()),
        (f"{shop.full_name.upper()}#12", {12}),
        (f"https://github.com/{shop.full_name}/pull/112/files?w=1", {112}),
        ("https://github.com/acme/other/pull/12", set()),
        ("9" * 12, set()),
    ):
        reply = alice_client.get(PULLS, {"q": text}, headers=JSON).json()
        assert set(numbers(reply)) == found, text
        assert reply["count"] == len(found)


def test_an_address_leads_to_its_pull_request(shop: Repository, alice_client: Client) -> None:
    """Whatever the filters: it is open, and the list has merged ones."""
    opened = timezone.now() - timedelta(days=400)
    make_pull_request(shop, title="Pay", opened_at=opened, fields={"number": 8})
    there = f"{PULLS}{shop.full_name}/8/"
    for text in (f"https://github.com/{shop.full_name}/pull/8", f"{shop.full_name}#8"):
        reply = alice_client.get(PULLS, {"q": text})
        assert (reply.status_code, reply.headers["location"]) == (302, there)
    assert alice_client.get(there).status_code == 200
    assert alice_client.get(PULLS, {"q": f"{shop.full_name}#9"}).status_code == 200


def test_a_search_says_what_other_lists_have(many: list[PullRequest], alice_client: Client) -> None:
    bumps = sum(row.title == "Bump" for row in many)
    make_pull_request(many[0].repository, title="Bump carts", state="open")
    page = alice_client.get(f"{PULLS}?range=4w&q=bump").content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert f"Merged {bumps} Open now 1 Closed unmerged 0" in text
    assert f"{bumps + 1} in any state and range" in text


def test_files_have_what_is_shown(many: list[PullRequest], alice_client: Client) -> None:
    query = "range=4w&sort=-lines&columns=title,lines,waiting_for&q=zap"
    shown = ask(alice_client, query)
    expected = {"repository", "number", "title", "additions", "deletions", "size", "waiting_for"}
    table = alice_client.get(f"{PULLS}?{query}&format=csv").getvalue().decode()
    lines = alice_client.get(f"{PULLS}?{query}&format=jsonl").getvalue().decode()
    rows = [json.loads(line) for line in lines.splitlines()]
    assert rows == shown["pull_requests"]
    assert set(rows[0]) == expected
    cells = list(csv.DictReader(io.StringIO(table)))
    assert [int(row["number"]) for row in cells] == numbers(shown)
    assert list(cells[0]) == list(rows[0])
    excel = alice_client.get(f"{PULLS}?{query}&format=excel")
    assert excel.getvalue() == b"\xef\xbb\xbf" + table.encode()
    assert excel.headers["content-disposition"].endswith('.csv"')
    assert AuditEvent.objects.filter(action="export.made").count() == 3


def test_a_file_is_called_by_what_it_has_and_noted(
    many: list[PullRequest], alice_client: Client
) -> None:
    query = "since=2026-01-05&until=2026-02-01&bots=1"
    merged = alice_client.get(f"{PULLS}?{query}&format=csv").headers["content-disposition"]
    # If the range begins before the data, the file has what there is, and is named so.
    assert merged == 'attachment; filename="acme-merged-pull-requests-2026-02-01-to-2026-02-01.csv"'
    behind = alice_client.get(f"{PULLS}?{query}&figure=reviews&format=csv")
    assert '"acme-pull-requests-2026-' in behind.headers["content-disposition"]
    now = alice_client.get(f"{PULLS}?{query}&state=open&q=cart&format=jsonl")
    today = timezone.localdate(timezone=ZoneInfo("UTC"))
    named = f"acme-open-pull-requests-{today}.jsonl"
    assert now.headers["content-disposition"] == f'attachment; filename="{named}"'
    noted = AuditEvent.objects.filter(action="export.made").latest("pk")
    assert noted.object_name == named
    for part in ("since=2026-01-05", "until=2026-02-01", "bots=1", "state=open", "q=cart"):
        assert part in noted.details["filters"]


def test_a_file_begins_with_what_it_is_about(many: list[PullRequest], alice_client: Client) -> None:
    page = alice_client.get(f"{PULLS}?range=4w&columns=author").content.decode()
    assert "columns=title%2Cauthor&amp;format=csv" in page
    assert "range=4w&amp;format=csv" in page


def test_a_search_says_how_many_there_are_elsewhere(shop: Repository, alice_client: Client) -> None:
    now = timezone.now()
    make_pull_request(shop, title="Handle carts", opened_at=now - timedelta(days=2), state="open")
    make_pull_request(shop, title="Empty carts", opened_at=now - timedelta(days=700))
    page = alice_client.get(f"{PULLS}?q=carts").content.decode()
    tabs = re.sub(
        r"<[^>]+>", " ", page.split('aria-label="Which pull requests">')[1].split("</nav>")[0]
    )
    assert tabs.split() == [
        *("Merged", "0", "Open", "now", "1", "Closed", "unmerged", "0", "Opened", "1"),
    ]
    there = re.search(r'<a href="([^"]+)">2 in any state and range', page)
    assert there
    found = alice_client.get(unescape(there[1]), headers=JSON).json()
    assert found["count"] == 2
