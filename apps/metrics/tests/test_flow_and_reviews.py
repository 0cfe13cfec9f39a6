"""Reviews and flow compared with plain Python over the same rows, and their pages."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.metrics.figures import flow_queries, masks, person_queries, review_queries
from apps.metrics.figures.masks import FROM_FIRST_COMMIT
from apps.metrics.models import PRReview, PullRequest, Repository, TeamMember
from apps.metrics.tests.factories import (
    NOON,
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.test_queries import assert_spread, filters_of
from apps.teams.models import Team

JSON = {"Accept": "application/json"}
GATES = ("closed", "merged", "reopened")
FIRST, LAST = date(2026, 3, 5), date(2026, 4, 2)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ADDRESS = f"since={FIRST}&until={LAST}&bots=1"

pull_requests = st.fixed_dictionaries(
    {
        "author": st.integers(0, 3),
        "opened": st.integers(0, 45 * 24 * 60),
        "ended": st.integers(1, 20 * 24 * 60),
        "state": st.sampled_from(["merged", "closed", "open"]),
        "is_draft": st.booleans(),
        "reviews": st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4000)), max_size=4),
        "requests": st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4000)), max_size=3),
        "turns": st.lists(st.integers(1, 4000), max_size=4, unique=True),
        "is_reopened": st.booleans(),
    }
)


def store(team: Team, world: Sequence[dict[str, Any]]) -> None:
    people: list[TeamMember | None] = [make_member(team, f"person-{n}") for n in range(3)]
    people.append(None)
    repository = make_repository(team)
    for story in world:
        ended = story["ended"] / 60
        turns = sorted(turn / 60 for turn in story["turns"] if turn / 60 < ended)
        kinds = ("ready_for_review", "convert_to_draft") * 2
        make_pull_request(
            repository,
            author=people[story["author"]],
            opened_at=NOON - timedelta(days=7) + timedelta(minutes=story["opened"]),
            ended=ended,
            state=story["state"],
            is_draft=story["is_draft"],
            reviews=[Review(people[who], minutes / 60) for who, minutes in story["reviews"]],
            requests=[(people[who], minutes / 60) for who, minutes in story["requests"]],
            events=[
                *zip(kinds, turns, strict=False),
                *([("closed", ended / 2), ("reopened", ended * 0.75)] * story["is_reopened"]),
                *([("closed", ended)] if story["state"] != "open" else []),
            ],
        )


class Worlds(TestCase):
    """Each example in a transaction of its own."""

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        world=st.lists(pull_requests, max_size=8),
        zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
    )
    def test_reviews_and_flow(self, world: list[dict[str, Any]], zone: str) -> None:
        team = make_team(timezone=zone)
        store(team, world)
        filters = filters_of(team, ADDRESS)
        assert_load(team, filters)
        assert_responses(team, filters)
        assert_exchanges(team, filters)
        work = flow_queries.work(team, filters, NOW)
        rows = list(PullRequest.objects.filter(team=team).prefetch_related("timeline"))
        ends = [filters.period.first + timedelta(days=n + 1) for n in range(filters.period.days)]
        midnights = [datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in ends]
        assert work.in_progress() == [
            sum(was_under_way(row, instant) for row in rows) for instant in midnights
        ]
        assert work.abandoned == sum(
            row.state == "closed" and within(row.closed_at, zone) for row in rows
        )
        assert work.reopened == sum(
            any(e.kind == "reopened" and within(e.at, zone) for e in row.timeline.all())
            for row in rows
        )
        assert_ages(team, filters, rows)
        assert_waiting_hours(work, rows, zone)
        assert_histograms(team, filters, rows, zone)


def within(instant: datetime | None, zone: str) -> bool:
    return instant is not None and FIRST <= instant.astimezone(ZoneInfo(zone)).date() <= LAST


def counted(team: Team) -> list[PRReview]:
    rows = PRReview.objects.filter(team=team, is_qualifying=True)
    return [
        row
        for row in rows.select_related("pull_request").order_by("submitted_at", "pk")
        if within(row.submitted_at, team.timezone)
    ]


def assert_load(team: Team, filters: Any) -> None:
    rows = counted(team)
    pairs = review_queries.pairs(team, filters)
    assert {(p.reviewer, p.author): p.reviews for p in pairs} == Counter(
        (row.reviewer_github_id, row.pull_request.author_github_id) for row in rows
    )
    given_reviews = review_queries.load(team, filters)
    assert sum(each.reviews for each in given_reviews) == len(rows)
    counts = {account: count for account, (_, count) in review_queries.given(team, filters).items()}
    assert counts == Counter(row.reviewer_github_id for row in rows)
    for each in given_reviews:
        mine = [row for row in rows if row.reviewer_github_id == each.account]
        assert each.pull_requests == len({row.pull_request_id for row in mine})
        assert each.share == pytest.approx(len(mine) / len(rows))


def assert_exchanges(team: Team, filters: Any) -> None:
    rows, first = counted(team), first_reviews(team)
    for person in TeamMember.objects.filter(team=team):
        who = person.github_id
        mine = filters.narrowed(person=person.github_username)
        exchanges = person_queries.exchanges(team, filters, mine, who)
        given = [row for row in rows if row.reviewer_github_id == who]
        received = [row for row in rows if row.pull_request.author_github_id == who]
        assert (exchanges.given, exchanges.received) == (len(given), len(received))
        assert exchanges.given_on == len({row.pull_request_id for row in given})
        assert {each.account: each.given for each in exchanges.others if each.given} == Counter(
            row.pull_request.author_github_id for row in given
        )
        assert {
            each.account: each.received for each in exchanges.others if each.received
        } == Counter(row.reviewer_github_id for row in received)
        assert_spread(
            exchanges.response, [seconds(row) for row in first if row.reviewer_github_id == who]
        )
        assert sum(exchanges.by_span) == len(given)


def first_reviews(team: Team) -> list[PRReview]:
    """Each reviewer's first review of each pull request, if it lies in the range."""
    every = PRReview.objects.filter(team=team, is_qualifying=True, reviewer_github_id__gt=0)
    first: dict[tuple[int, int | None], PRReview] = {}
    for row in every.order_by("submitted_at", "pk"):
        first.setdefault((row.pull_request_id, row.reviewer_github_id), row)
    return [row for row in first.values() if within(row.submitted_at, team.timezone)]


def assert_responses(team: Team, filters: Any) -> None:
    counted = first_reviews(team)
    found = review_queries.responses(team, filters)
    assert_spread(found.overall, [seconds(row) for row in counted])
    of_reviewer: dict[int | None, list[float]] = {}
    of_week: dict[str, list[float]] = {}
    for row in counted:
        assert row.submitted_at
        of_reviewer.setdefault(row.reviewer_github_id, []).append(seconds(row))
        week = f"{row.submitted_at.astimezone(ZoneInfo(team.timezone)):%G-W%V}"
        of_week.setdefault(week, []).append(seconds(row))
    assert found.by_reviewer.keys() == of_reviewer.keys()
    for account, spread in found.by_reviewer.items():
        assert_spread(spread, of_reviewer[account])
    for span, week_spread in zip(filters.period.spans(), found.by_span, strict=True):
        assert (week_spread is None) == (span.name not in of_week)
        if week_spread:
            assert_spread(week_spread, of_week[span.name])


def seconds(review: PRReview) -> float:
    pull_request = review.pull_request
    assert review.submitted_at
    requests = [
        event.at
        for event in pull_request.timeline.all()
        if event.kind == "review_requested"
        and event.reviewer_github_id == review.reviewer_github_id
        and event.at <= review.submitted_at
    ]
    asked = min(requests, default=pull_request.ready_at or pull_request.opened_at)
    return max((review.submitted_at - asked).total_seconds(), 0)


def was_under_way(row: PullRequest, instant: datetime) -> bool:
    """Step by step: everything that happened before the time."""
    gates = [e.kind for e in row.timeline.all() if e.kind in GATES and e.at < instant]
    if row.opened_at >= instant or (gates and gates[-1] != "reopened"):
        return False
    drafts = [e for e in row.timeline.all() if e.kind in ("ready_for_review", "convert_to_draft")]
    before = [event.kind for event in drafts if event.at < instant]
    if before:
        return bool(before[-1] == "ready_for_review")
    if drafts:
        return bool(drafts[0].kind == "convert_to_draft")
    return not row.is_draft


def assert_waiting_hours(work: flow_queries.Work, rows: Sequence[PullRequest], zone: str) -> None:
    sums: Counter[tuple[int, int]] = Counter()
    hours: Counter[tuple[int, int]] = Counter()
    instant = work.period.start
    while instant < work.period.end:
        local = instant.astimezone(ZoneInfo(zone))
        place = (local.weekday(), local.hour)
        hours[place] += 1
        for row in rows:
            end = row.first_review_at or row.closed_at or NOW
            sums[place] += bool(row.ready_at and row.ready_at <= instant < end)
        instant += timedelta(hours=1)
    found = work.waiting_hours()
    for (day, hour), count in hours.items():
        assert found[day][hour] == pytest.approx(sums[day, hour] / count)


def assert_ages(team: Team, filters: Any, rows: Sequence[PullRequest]) -> None:
    counts: Counter[tuple[str, int]] = Counter()
    for row in rows:
        if row.state == "open":
            days = (NOW - row.opened_at) / timedelta(days=1)
            place = sum(days > begin for _, begin in flow_queries.AGES) - 1
            counts[row.waiting_for, max(place, 0)] += 1
    found = flow_queries.open_by_age(team, filters, NOW)
    flat = {(name, n): count for name, ages in found.items() for n, count in enumerate(ages)}
    assert {place: count for place, count in flat.items() if count} == counts


def assert_histograms(team: Team, filters: Any, rows: Sequence[PullRequest], zone: str) -> None:
    found = flow_queries.distributions(team, filters)
    merged = [row for row in rows if within(row.merged_at, zone)]
    young = [row for row in merged if not row.has_old_commit]
    for name, counts in found.histograms.items():
        took = [getattr(r, name) for r in (young if name in FROM_FIRST_COMMIT else merged)]
        bins = [
            sum(begin <= value for _, begin in flow_queries.BINS) - 1
            for value in took
            if value is not None
        ]
        assert counts == [bins.count(place) for place in range(len(counts))]
    assert found.by_size.keys() == {row.size for row in merged}
    for size, spread in found.by_size.items():
        assert_spread(spread, [r.cycle_time or 0 for r in young if r.size == size])


@pytest.mark.django_db
def test_it_works() -> None:
    team = make_team()
    alice, bob = make_member(team, "alice"), make_member(team, "bob")
    shop = make_repository(team)
    make_pull_request(shop, author=alice, reviews=[Review(bob, 2, "commented"), Review(bob, 4)])
    filters = filters_of(team, "since=2026-03-02&until=2026-03-02")

    [pair] = review_queries.pairs(team, filters)

    assert (pair.reviewer_login, pair.author_login, pair.reviews) == ("bob", "alice", 2)
    assert review_queries.responses(team, filters).overall.median == 2 * 3600


@pytest.mark.django_db
def test_a_pull_request_reopened_and_redrafted() -> None:
    team = make_team()
    kinds = ["convert_to_draft", "ready_for_review", "closed", "reopened", "merged"]
    events = [(kind, 24.0 * (n + 1)) for n, kind in enumerate(kinds)]
    one = make_pull_request(make_repository(team), ended=120, events=events)
    filters = filters_of(team, "since=2026-03-02&until=2026-03-07")
    progress = flow_queries.work(team, filters, NOW).in_progress()
    assert progress == [1, 0, 1, 0, 1, 0]
    rows = masks.pull_requests(team, filters)
    days = [filters.period.first + timedelta(days=n) for n in range(6)]
    lists = [flow_queries.under_way(rows, day, filters.period.zone)["id"].tolist() for day in days]
    assert lists == [[one.pk] if count else [] for count in progress]


@pytest.mark.django_db
def test_an_hour_that_has_begun_is_counted_at_its_beginning() -> None:
    team = make_team()
    shop = make_repository(team)
    for hours in (-1, 0.25):  # open at noon, and not yet
        make_pull_request(shop, opened_at=NOON + timedelta(hours=hours), state="open")
    filters = filters_of(team, "since=2026-03-02&until=2026-03-02")
    work = flow_queries.work(team, filters, NOON + timedelta(minutes=30))
    monday = work.waiting_hours()[0]
    assert [hour for hour, count in enumerate(monday) if count] == [11, 12]
    assert monday[12] == 1


@pytest.mark.django_db
def test_people_switched_off_are_left_out() -> None:
    team = make_team()
    alice, bob = make_member(team, "alice"), make_member(team, "bob", is_hidden=True)
    make_pull_request(make_repository(team), author=alice, reviews=[Review(bob, 2)])
    filters = filters_of(team, "range=all")
    assert review_queries.pairs(team, filters) == []
    # The team's figures stay as they were.
    assert review_queries.concentration(team, filters) == review_queries.Concentration(1, 1, 1.0, 1)
    found = review_queries.responses(team, filters)
    assert (found.overall.count, found.by_reviewer) == (1, {})


PAGES = (
    "/a/acme/reviews/",
    "/a/acme/flow/",
    "/a/acme/compare/repositories/",
    "/a/acme/compare/people/",
)


@pytest.fixture
def shop(team: Team) -> Repository:
    shop = make_repository(team)
    alice, bob = make_member(team, "alice"), make_member(team, "bob")
    opened_at = timezone.now().replace(microsecond=0) - timedelta(days=2)
    make_pull_request(shop, author=alice, reviews=[Review(bob, 2)], opened_at=opened_at)
    make_pull_request(shop, author=bob, state="open", opened_at=opened_at)
    return shop


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_pages(
    path: str, shop: Repository, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    for client in (alice_client, bob_client):
        assert client.get(path).status_code == 200
        assert client.get(f"{path}?range=all&bots=1&sort=-merged").status_code == 200
        assert client.get(path, headers=JSON).json()["range"]["name"] == "3m"
        assert client.get(f"{path}?since=2020-01-01&until=2020-01-02").status_code == 200
    assert charlie_client.get(path).status_code == 404


@pytest.mark.django_db
def test_percentiles_are_drawn_at_their_values(shop: Repository, alice_client: Client) -> None:
    page = alice_client.get("/a/acme/flow/").content.decode()
    for name, marks in (
        ("cycle_time", [4.12]),  # 10 hours, between 8 and 24
        ("pickup_time", [2.33]),  # 2 hours, between 1 and 4
        ("review_time", [0]),
    ):
        found = re.search(f'id="histogram-{name}-data"[^>]*>(.*?)</script>', page, re.DOTALL)
        assert found
        chart = json.loads(found[1])
        assert [mark["place"] for mark in chart["marks"]] == marks
        assert len(chart["bounds"]) == len(chart["labels"]) + 1


@pytest.mark.django_db
def test_outsiders_are_listed_with_members(shop: Repository, alice_client: Client) -> None:
    opened_at = timezone.now().replace(microsecond=0) - timedelta(days=2)
    visitor = {"author_login": "visitor", "author_github_id": 77, "is_external": True}
    make_pull_request(shop, opened_at=opened_at, fields=visitor)
    people = alice_client.get("/a/acme/compare/people/", headers=JSON).json()["people"]
    assert [person["name"] for person in people] == ["alice", "bob", "visitor"]
    theirs = alice_client.get("/a/acme/?person=Visitor", headers=JSON).json()
    assert theirs["figures"]["merged"] == 1
    without = alice_client.get("/a/acme/compare/people/?outsiders=0", headers=JSON).json()
    assert [person["name"] for person in without["people"]] == ["alice", "bob"]


@pytest.mark.django_db
def test_a_hundred_people_stand_on_a_page_in_the_order_of_all(
    team: Team, shop: Repository, alice_client: Client
) -> None:
    opened_at = timezone.now().replace(microsecond=0) - timedelta(days=2)
    for n in range(130):
        fields = {"author_login": f"visitor-{n:03}", "author_github_id": 10**9 + n}
        make_pull_request(shop, opened_at=opened_at, fields=fields | {"additions": n})
    path = "/a/acme/compare/people/?range=3m&sort=-size"
    first = shown(alice_client, path)
    assert "132 people" in first
    assert "1 to 100 shown" in first
    assert first.index("visitor-129") < first.index("visitor-128") < first.index("visitor-033")
    following = escape("/a/acme/compare/people/?range=3m&sort=-size&page=2")
    assert f'href="{following}"' in first
    second = shown(alice_client, f"{path}&page=2")
    assert "101 to 132 shown" in second
    for n in range(130):
        assert (f">visitor-{n:03}<" in first) != (f">visitor-{n:03}<" in second)
    # A page that does not exist is the nearest one; programs get everybody.
    assert "101 to 132 shown" in shown(alice_client, f"{path}&page=99")
    assert "1 to 100 shown" in shown(alice_client, f"{path}&page=x")
    assert len(alice_client.get(f"{path}&page=2", headers=JSON).json()["people"]) == 132
    # A new filter begins with the first page, in the same order.
    kept = {"path": "/a/acme/compare/people/", "range": "12m", "sort": "-size", "page": "2"}
    chosen = alice_client.post("/a/acme/filters/", kept)
    assert chosen.headers["Location"] == "/a/acme/compare/people/?range=12m&sort=-size"


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "what"), [("ai/", "repositories"), ("waiting/", "queues")])
def test_a_hundred_lines_stand_on_a_page(
    team: Team, alice_client: Client, page: str, what: str
) -> None:
    """Of repositories with merged pull requests, and of people whose open ones wait."""
    opened_at = timezone.now().replace(microsecond=0) - timedelta(days=2)
    for n in range(120):
        repository, author = make_repository(team, f"acme/{n:03}-x"), make_member(team, f"{n:03}-x")
        for state in ("merged", "open"):
            make_pull_request(repository, author=author, opened_at=opened_at, state=state)
    first, second = (shown(alice_client, f"/a/acme/{page}?page={n}") for n in (1, 2))
    assert f"120 {what}, 1 to 100 shown" in first
    assert f"120 {what}, 101 to 120 shown" in second
    for n in range(120):
        assert (f"{n:03}-x</a>" in first) != (f"{n:03}-x</a>" in second)


@pytest.mark.django_db
def test_a_hundred_reviewers_stand_on_a_page(shop: Repository, alice_client: Client) -> None:
    one = PRReview.objects.get()
    columns = {field.attname: getattr(one, field.attname) for field in one._meta.concrete_fields}
    columns |= {"id": None, "reviewer_id": None}
    PRReview.objects.bulk_create(
        PRReview(**columns | {"node_id": name, "reviewer_login": name, "reviewer_github_id": n})
        for n in range(10**9, 10**9 + 130)
        for name in [f"visitor-{n}"]
    )
    first = shown(alice_client, "/a/acme/reviews/?range=3m")
    assert "131 reviewers, 1 to 100 shown" in first
    assert f'href="{escape("/a/acme/reviews/?range=3m&page=2")}"' in first
    second = shown(alice_client, "/a/acme/reviews/?range=3m&page=2")
    assert "131 reviewers, 101 to 131 shown" in second
    assert "/people/1000000129/" in second
    assert "/people/1000000129/" not in first
    # The matrix shows sixty of them on either page, with what they gave.
    gave = "visitor-1000000000 gave alice 1 review on 1 pull request"
    assert f'<td class="heat-4" title="{gave}"><a class="plain" href="' in second
    assert "The busiest 60 are shown, 71 more are not." in second


def shown(client: Client, path: str) -> str:
    return re.sub("[ \n]+", " ", client.get(path).content.decode())
