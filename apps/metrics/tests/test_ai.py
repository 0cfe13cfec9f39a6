"""The page of AI: shares, comparisons and reviews, each computed again from the same rows."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from io import StringIO
from itertools import product
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from rich.console import Console

from apps.metrics.figures import ai_queries
from apps.metrics.figures.ai_queries import AGENT, ASSISTED, PEOPLE
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Group, PRReview, PullRequest
from apps.metrics.pages import terminal_table
from apps.metrics.tests.factories import (
    Review,
    make_member,
    make_pull_request,
    make_repository,
)
from apps.teams.models import Team
from apps.teams.zones import zone_of

pytestmark = pytest.mark.django_db
NAMES = {AGENT: "agent", ASSISTED: "assisted", PEOPLE: "none"}
KINDS = ("none", "described", "assisted", "agent", None)
ADDRESS = "/a/acme/ai/?range=12m"


@pytest.fixture
def rows(team: Team) -> list[PullRequest]:
    """Some hundred in two repositories, of every kind; the first year's are all closed."""
    chance, now = Random(7), timezone.now()
    repositories = [make_repository(team, name) for name in ("acme/shop", "acme/site")]
    people = [make_member(team, login) for login in ("ada", "grace")]
    Group.objects.create(
        team=team, github_id=1, organization_id=1, slug="core", name="Core"
    ).members.add(people[0])
    made = []
    for _ in range(240):
        opened = now.replace(microsecond=0) - timedelta(days=chance.uniform(2, 200))
        kind = chance.choice((*KINDS, "none", "assisted", "agent"))
        author, other = chance.sample(people, 2)
        initiator = author if kind == "agent" and chance.random() < 0.7 else None
        fields: dict[str, Any] = {
            "ai": kind,
            "marks": None if kind is None else {},
            "ai_tools": ["claude"] if kind == "assisted" else ["devin"] if kind == "agent" else [],
            "is_bot": kind == "agent",
            "initiator": initiator,
            "initiator_github_id": initiator and initiator.github_id,
            "initiator_login": initiator and initiator.github_username,
        }
        if chance.random() < 0.3:
            fields |= {"ai_reviews": 2, "first_ai_review_at": opened + timedelta(hours=1)}
        reviews = [Review(other, chance.uniform(0.2, 4))] if chance.random() < 0.6 else []
        made.append(
            make_pull_request(
                chance.choice(repositories),
                author=author,
                opened_at=opened,
                state=chance.choice(["merged", "merged", "merged", "closed", "open"]),
                ended=chance.uniform(5, 40),
                additions=chance.choice([4, 30]),
                reviews=reviews,
                fields=fields,
            )
        )
    for row in chance.sample([each for each in made if each.state == "merged"], 20):
        target = chance.choice(made)
        PullRequest.objects.filter(pk=row.pk).exclude(pk=target.pk).update(reverts=target)
    return list(PullRequest.objects.select_related("repository"))


def last_year(team: Team) -> Filters:
    today = timezone.now().date()
    return Filters(Period(today - timedelta(days=364), today, zone_of(team.timezone)), "12m")


def test_it_works(team: Team, rows: list[PullRequest]) -> None:
    found = ai_queries.overview(team, last_year(team))
    merged = [row for row in rows if row.state == "merged"]
    counts = [sum(row.ai == kind for row in merged) for kind in KINDS]
    assert list(vars(found.overall).values()) == counts
    assert sum(each.known for each in found.spans) == found.overall.known
    assert {tool.name: tool.pull_requests for tool in found.tools} == {
        "claude": counts[2],
        "devin": counts[3],
    }
    for repository, written in found.repositories:
        mine = [row for row in merged if row.repository == repository]
        assert written.agents == sum(row.ai == "agent" for row in mine)
    [(_, core)] = found.groups
    ada = Group.objects.get().members.get()
    assert core.agents == sum(row.ai == "agent" and row.initiator == ada for row in merged)
    reviewed = [row for row in merged if row.ai_reviews]
    assert found.reviewed.by_ai == len(reviewed)
    assert found.reviewed.by_ai_alone == sum(not row.reviewer_count for row in reviewed)


def test_the_terminal_says_who_wrote_it(team: Team) -> None:
    """Also if all authors are agents."""
    repository = make_repository(team, "acme/shop")
    bot = make_member(team, "devin-ai-integration", is_bot=True)
    for kind in ("agent", "agent", "none"):
        make_pull_request(repository, author=bot, fields={"ai": kind, "ai_tools": ["devin"]})
    # The page of AI counts merged ones, too.
    make_pull_request(repository, author=bot, state="open", fields={"ai": "agent"})
    console = Console(width=160, record=True, file=StringIO())
    console.print(terminal_table.table(team, [repository]))
    text = " ".join(console.export_text().split())
    assert "(1 by bots, left out below)" in text
    assert "Merged, written by at least 100% AI 0 people, 0 assisted, 2 agents" in text


def by_hand(rows: list[PullRequest], values: dict[int, float], groups: tuple[int, ...]) -> Any:
    """Means over cells of repository and size, weighted by the agents' distribution."""
    cells: dict[tuple[Any, str | None], dict[int, list[float]]] = {}
    for row, group in product(rows, groups):
        if row.pk in values and row.ai == NAMES[group]:
            cell = cells.setdefault((row.repository_id, row.size), {})
            cell.setdefault(group, []).append(values[row.pk])
    used = [
        cell for cell in cells.values() if all(len(cell.get(group, ())) >= 5 for group in groups)
    ]
    if not used:
        return {}, 0
    weight = sum(len(cell[AGENT]) for cell in used)
    return {
        group: sum(len(cell[AGENT]) * sum(cell[group]) / len(cell[group]) for cell in used) / weight
        for group in groups
    }, len(used)


def test_agents_compared_with_people(team: Team, rows: list[PullRequest]) -> None:
    now = timezone.now()
    found = ai_queries.comparison(team, last_year(team), now)
    merged = [row for row in rows if row.state == "merged"]
    old = [row for row in merged if (now - row.merged_at).days >= 30]  # type: ignore[operator]
    closed = [row for row in rows if row.state != "open"]
    reverts = [row for row in merged if row.reverts_id]

    def is_reverted(row: PullRequest) -> bool:
        return any(
            each.reverts_id == row.pk and (each.merged_at - row.merged_at).days < 30  # type: ignore[operator]
            for each in reverts
        )

    wanted: dict[str, dict[int, float]] = {
        "merge_rate": {row.pk: row.state == "merged" for row in closed},
        "review_rounds": {row.pk: row.review_rounds for row in merged},
        "reverted": {row.pk: is_reverted(row) for row in old},
        "unreviewed": {row.pk: row.reviewer_count == 0 for row in merged},
    }
    assert sum(found.figures[name].cells > 0 for name in wanted) >= 3
    for name, values in wanted.items():
        means, cells = by_hand(rows, values, found.groups)
        assert found.figures[name].cells == cells, name
        assert found.figures[name].means == pytest.approx(means), name


def test_few_are_called_too_few_and_what_cannot_be_compared_says_why(
    alice_client: Client, team: Team
) -> None:
    """Six, eight and twenty-four of one size, a few days old; two were described by AI."""
    shop, ada = make_repository(team, "acme/shop"), make_member(team, "ada")

    def make(kind: str, number: int) -> None:
        for _ in range(number):
            opened = timezone.now() - timedelta(days=5)
            make_pull_request(shop, author=ada, opened_at=opened, fields={"ai": kind, "marks": {}})

    def page() -> str:
        text = re.sub(r"<[^>]+>", " ", alice_client.get("/a/acme/ai/").content.decode())
        return " ".join(text.replace("\xa0", " ").split())

    for kind, number in {"agent": 6, "assisted": 8, "none": 24, "described": 2}.items():
        make(kind, number)
    said = page()
    assert "People 26 65 % of 40 2 of them described by AI" in said
    of_cells = "6 agents, 8 assisted, 24 people without a mark in one cell"
    assert f"too few to tell: {of_cells}, 0 left out" in said
    assert "Reverted within 30 days – – – no repository has five of each" in said
    assert "merged in this range and more than 30 days ago" in said
    make("agent", 14)
    make("assisted", 12)
    assert "too few to tell" not in page()


def test_each_figure_leads_to_exactly_its_pull_requests(
    alice_client: Client, team: Team, rows: list[PullRequest]
) -> None:
    response = alice_client.get(ADDRESS)
    context = response.context
    cells = [cell for _, cell in (*context["tiles"], *context["reviews"])]
    lines = (*context["tools"], *context["repositories"], *context["groups"])
    cells += [cell for line in lines for cell in line.cells] + [context["waiting"]]
    assert len(cells) > 12
    for cell in cells:
        listed = alice_client.get(cell.link, headers={"Accept": "application/json"}).json()
        assert listed["count"] == cell.count, cell.link
        assert dict(parse_qsl(urlsplit(cell.link).query))["range"] == "12m"


def test_the_filter_says_what_it_shows_and_an_agents_work_is_its_initiators(
    alice_client: Client, team: Team, rows: list[PullRequest]
) -> None:
    page = alice_client.get("/a/acme/?range=12m&written=agents&tool=devin").content.decode()
    assert "only by agents · only with devin" in page
    mine = alice_client.get(
        "/a/acme/pull-requests/?range=12m&person=ada", headers={"Accept": "application/json"}
    ).json()
    wanted = [
        row
        for row in rows
        if row.state == "merged"
        and (row.initiator_login if row.ai == "agent" else row.author_login) == "ada"
    ]
    assert mine["count"] == len(wanted)
    side = alice_client.get(
        "/a/acme/compare/people/?range=12m", headers={"Accept": "application/json"}
    ).json()
    [ada] = [line for line in side["people"] if line["name"] == "ada"]
    assert ada["figures"]["merged"] == len(wanted)
    wrong = alice_client.get("/a/acme/?written=robots").content.decode()
    assert "There is no kind of author “robots” here." in wrong


def test_the_page_of_a_pull_request_shows_each_mark(
    alice_client: Client, charlie_client: Client, team: Team
) -> None:
    row = make_pull_request(
        make_repository(team, "acme/shop"),
        author=make_member(team, "ada"),
        fields={
            "ai": "agent",
            "ai_tools": ["devin"],
            "findings": [["trailer", "devin", "writing", "Co-authored-by: <d@x>", "abc123"]],
            "initiator_login": "grace",
        },
    )
    PRReview.objects.all().delete()
    address = f"/a/acme/pull-requests/acme/shop/{row.number}/"
    page = " ".join(alice_client.get(address).content.decode().split())
    assert "An agent wrote it (devin). grace asked for it." in page
    assert 'href="https://github.com/acme/shop/commit/abc123"' in page
    assert "Co-authored-by: &lt;d@x&gt;" in page
    table = alice_client.get("/a/acme/ai/marks/").content.decode()
    assert "copilot-swe-agent (id 198982749)" in table
    for hidden in (ADDRESS, "/a/acme/ai/marks/", address):
        assert charlie_client.get(hidden).status_code == 404


def test_each_ai_reviewer_leads_to_what_it_reviewed(team: Team, alice_client: Client) -> None:
    """Under its newest login, since accounts are known by their ids."""
    shop, soon = make_repository(team), timezone.now() - timedelta(days=9)
    reviewed = [make_pull_request(shop, opened_at=soon, ended=1) for _ in range(3)]
    for place, (row, account, login) in enumerate(
        [
            (reviewed[0], 7, "rabbit"),
            (reviewed[0], 7, "rabbit"),
            (reviewed[1], 7, "coderabbit"),
            (reviewed[1], 8, "copilot"),
            (reviewed[2], None, None),
        ]
    ):
        PRReview.objects.create(
            team=team,
            pull_request=row,
            node_id=f"R_{place}",
            reviewer_github_id=account,
            reviewer_login=login,
            state="commented",
            is_ai=True,
            submitted_at=soon + timedelta(minutes=place),
        )
    page = unescape(alice_client.get("/a/acme/ai/?range=4w").content.decode())
    table = page.partition("by reviewer</caption>")[2].partition("</table>")[0]
    shown = re.findall(r'row">([\w ]+)</th>.*?href="(.*?)">(\d+)<.*?>(\d+)</a>', table, re.DOTALL)
    assert [(name, reviews, on) for name, _, reviews, on in shown] == [
        ("coderabbit", "3", "2"),
        ("Deleted account", "1", "1"),
        ("copilot", "1", "1"),
    ]
    expected = [
        {reviewed[0].number, reviewed[1].number},
        {reviewed[2].number},
        {reviewed[1].number},
    ]
    for (_, address, _, _), numbers in zip(shown, expected, strict=True):
        found = alice_client.get(address, headers={"Accept": "application/json"}).json()
        assert {row["number"] for row in found["pull_requests"]} == numbers
    assert (
        "with 3 reviews by coderabbit in the range"
        in alice_client.get(shown[0][1]).content.decode()
    )
