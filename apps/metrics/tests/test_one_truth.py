"""Overview, explorer, exports and API agree on the same figures, for the same filter.

The expected figures are calculated here in plain Python from the stored rows, in the team's own
time zone.
"""

from __future__ import annotations

import csv
import io
import json
import random
import statistics
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from apps.metrics.models import PullRequest, TeamMember
from apps.metrics.tests.factories import Review, make_member, make_pull_request, make_repository
from apps.metrics.tests.test_api import ask, make_key
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
SIZES = ("XS", "S", "M", "L", "XL")
JSON = {"Accept": "application/json"}
# Offset by half an hour; half an hour more in summer; an hour more; and at the date line.
ZONES = ("Asia/Kolkata", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Kiritimati")
# Clocks change on 5 April 2026 on Lord Howe and on 29 March 2026 in Berlin.
DAYS = (date(2026, 3, 27), date(2026, 4, 7))


def days(first: str, last: str) -> dict[str, str]:
    return {"range": "dates", "since": first, "until": last}


FILTERS: tuple[dict[str, Any], ...] = (
    days("2026-03-27", "2026-04-07"),
    days("2026-03-29", "2026-03-29"),
    days("2026-04-05", "2026-04-05"),
    days("2026-04-07", "2026-04-07"),
    {**days("2026-03-28", "2026-04-05"), "bots": "1"},
    {**days("2026-03-28", "2026-04-05"), "outsiders": "0", "size": ["S", "M"]},
    {**days("2026-03-28", "2026-04-05"), "repo": "acme/shop", "base": "release, 1"},
    {**days("2026-03-28", "2026-04-05"), "label": "a,b", "person": ["alice", "bob"]},
    {"range": "all"},
)


@pytest.fixture
def world(team: Team) -> Team:
    """Pull requests merged around each midnight of some days."""
    chance = random.Random(11)
    people: list[TeamMember | None] = [None, make_member(team, "helper", is_bot=True)]
    people += [make_member(team, login) for login in ("alice", "bob", "dana")]
    repositories = [make_repository(team), make_repository(team, "acme/api")]
    for merged_at in _instants(chance):
        author = chance.choice(people)
        make_pull_request(
            chance.choice(repositories),
            author=author,
            opened_at=merged_at - timedelta(hours=9),
            ended=9,
            commits=[chance.choice([-2, -5, -24 * 40])],
            reviews=chance.choice([[], [Review(people[2], 3)], [Review(people[3], 4)]]),
            additions=chance.choice([5, 40, 150, 900]),
            fields={
                "labels": chance.choice([[], ["a,b"], ["bug", "a,b"]]),
                "base_branch": chance.choice(["main", "release, 1"]),
                "is_external": author is people[4],
                "is_revert": chance.random() < 0.1,
            },
        )
    return team


def _instants(chance: random.Random) -> Iterator[datetime]:
    """Some seconds before, at and after each zone's midnights, and within each day."""
    for zone in ZONES:
        day = DAYS[0]
        while day <= DAYS[1] + timedelta(days=1):
            midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for seconds in (-1, 0, chance.randint(1, 80_000)):
                yield midnight + timedelta(seconds=seconds)
            day += timedelta(days=1)


def expected(team: Team, wanted: dict[str, Any]) -> list[PullRequest]:
    """The rows that match a filter, in plain Python."""
    zone = ZoneInfo(team.timezone)
    found = []
    for each in PullRequest.objects.filter(team=team).select_related("repository"):
        assert each.merged_at is not None
        day = each.merged_at.astimezone(zone).date().isoformat()
        if (
            wanted.get("since", "") <= day <= wanted.get("until", "9999")
            and (wanted.get("bots") or not each.is_bot)
            and (wanted.get("outsiders") != "0" or not each.is_external)
            and each.size in wanted.get("size", [each.size])
            and each.repository.full_name == wanted.get("repo", each.repository.full_name)
            and each.base_branch == wanted.get("base", each.base_branch)
            and ("label" not in wanted or wanted["label"] in each.labels)
            and each.author_login in wanted.get("person", [each.author_login])
        ):
            found.append(each)
    return found


def figures_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The overview's figures, calculated from export rows."""
    times = [row["cycle_time"] for row in rows if not row["has_old_commit"]]
    lines = [row["additions"] + row["deletions"] for row in rows]
    return {
        "merged": len(rows),
        "cycle_time": statistics.median(times) if times else None,
        "size": statistics.median(lines) if lines else None,
        "reviewed": sum(row["reviewers"] > 0 for row in rows),
        "reverts": sum(row["is_revert"] for row in rows),
        "sizes": {size: sum(row["size"] == size for row in rows) for size in SIZES},
    }


def as_shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The same from the overview or the API."""
    merged, coverage = figures["merged"], figures["review_coverage"]
    return {
        "merged": merged,
        "cycle_time": figures["cycle_time"]["median"],
        "size": figures["size"]["median"],
        "reviewed": round((coverage or 0) * merged),
        "reverts": figures["reverts"],
        "sizes": figures["sizes"],
    }


def listed(client: Client, query: str) -> list[dict[str, Any]]:
    """Every page of the explorer."""
    rows: list[dict[str, Any]] = []
    address: str | None = f"/a/acme/pull-requests/?{query}"
    while address:
        reply = client.get(address, headers=JSON).json()
        rows += reply["pull_requests"]
        address = reply["next"]
    assert reply["count"] == len(rows)
    return rows


def from_api(key: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Every page of the API."""
    rows: list[dict[str, Any]] = []
    after = ""
    while after is not None:
        reply = ask("/pull-requests", key, **query, after=after).json()
        rows += reply["pull_requests"]
        after = reply["next"]
    return rows


@pytest.mark.parametrize("zone", ZONES)
def test_it_works(zone: str, world: Team, alice_client: Client) -> None:
    Team.objects.filter(pk=world.pk).update(timezone=zone)
    world.refresh_from_db()
    key = make_key(alice_client)
    for wanted in FILTERS:
        query = urlencode(wanted, doseq=True)
        rows = listed(alice_client, query)
        assert {row["number"] for row in rows} == {each.number for each in expected(world, wanted)}
        lines = alice_client.get(f"/a/acme/pull-requests/?{query}&format=jsonl").getvalue()
        assert [json.loads(line) for line in lines.decode().splitlines()] == rows
        table = alice_client.get(f"/a/acme/pull-requests/?{query}&format=csv").getvalue().decode()
        cells = [row["number"] for row in csv.DictReader(io.StringIO(table))]
        assert cells == [str(row["number"]) for row in rows]
        assert from_api(key, wanted) == rows
        page = alice_client.get(f"/a/acme/?{query}", headers=JSON).json()
        assert as_shown(page["figures"]) == figures_of(rows)
        assert ask("/overview", key, **wanted).json() == page
        assert sum(_merged(point) for point in page["series"]) == len(rows)


def _merged(point: dict[str, Any]) -> int:
    return int(point["figures"]["merged"]) if point["figures"] else 0


def test_the_last_day_is_included_and_the_previous_period_is_as_long(
    world: Team, alice_client: Client
) -> None:
    def of(first: str, last: str) -> Any:
        return alice_client.get("/a/acme/", days(first, last), headers=JSON).json()

    assert of("2026-03-30", "2026-04-02")["previous"] == of("2026-03-26", "2026-03-29")["figures"]
