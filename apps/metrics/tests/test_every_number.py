"""Every number of every page leads to exactly the pull requests it counts, under any filter."""

from __future__ import annotations

import random
import re
import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from apps.metrics.calculations.facts import EventFact
from apps.metrics.figures import freshness
from apps.metrics.figures.behind import BEHIND
from apps.metrics.figures.queries import DURATIONS
from apps.metrics.models import Group, PRReview, Repository, TeamMember
from apps.metrics.templatetags.figures import figure_text
from apps.metrics.tests.factories import Review, make_member, make_pull_request, make_repository
from apps.metrics.tests.production_factories import make_application, make_deployment
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text

pytestmark = pytest.mark.django_db
PULLS = "/a/acme/pull-requests/"
JSON = {"Accept": "application/json"}
LINK = re.compile(r'<a\b[^>]*href="(/a/acme/pull-requests/\?[^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
COUNT = re.compile(
    r"(?:All )?([\d,]+)( merged)?( pull requests?)?"
    r"(?: with an old commit| open, no review requested)?"
)
FILTERS = ("", "&repo=acme/api&outsiders=0&bots=1&size=S,M,L")
DAYS = 28
# One in four hours of the week is enough.
WAITED = re.compile(r"figure=waited\.\d\.(?!(0|4|8|12|16|20)$)")


class Shown(NamedTuple):
    """A number on a page, and the URL that it links to."""

    text: str
    address: str

    @property
    def figure(self) -> str:
        """The figure's name, without its parts."""
        found = parse_qs(urlsplit(self.address).query).get("figure", [""])[0]
        return found.partition(".")[0]


@pytest.fixture
def world(team: Team) -> Team:
    """Four weeks of a team in which everything happens that a page counts."""
    chance = random.Random(14)
    people = [make_member(team, login) for login in ("ada", "ben", "cleo", "dana")]
    people.append(make_member(team, "helper", is_bot=True))
    make_member(team, "gone", is_hidden=True)
    hidden = make_member(team, "hidden", is_hidden=True)
    core = Group.objects.create(
        team=team, github_id=2**33, organization_id=1, slug="core", name="Core"
    )
    core.members.set(people[:1])
    repositories = [make_repository(team), make_repository(team, "acme/api")]
    now = timezone.now().replace(microsecond=0)
    for place in range(72):
        author = chance.choice([*people, hidden, None])
        state = chance.choice(["merged"] * 5 + ["open", "open", "closed"])
        days = chance.uniform(0, 27) if state != "open" or place % 2 else chance.uniform(27, 50)
        ended = min(chance.choice([0.1, 2, 5, 30, 130, 400]), days * 24 - 0.01)
        make_pull_request(
            chance.choice(repositories),
            author=author,
            state=state,
            opened_at=now - timedelta(days=days),
            ended=ended,
            is_draft=state == "open" and place % 5 == 0,
            commits=[chance.choice([-2, -0.1, -24 * 40])],
            reviews=_reviews(chance, [*people, hidden, None], author, ended),
            events=_turns(chance, ended),
            additions=chance.choice([5, 40, 150, 900]),
            fields={
                "labels": chance.choice([[], ["bug"]]),
                "is_external": author is people[3],
                "is_revert": chance.random() < 0.2,
                "is_hotfix": chance.random() < 0.2,
                "ai": ("none", "described", "assisted", "agent")[place % 4],
                "ai_tools": [[], ["claude"], ["cursor"], ["devin"]][place % 4],
            },
        )
    for place in range(12):
        opened_at = now - timedelta(days=place + 1)
        make_pull_request(
            repositories[1],
            author=people[place % 3],
            state="open",
            opened_at=opened_at,
            additions=40,
            requests=[(people[(place + 1) % 3], 0)] if place % 2 else [],
            events=[] if place % 4 else [_asks(core, opened_at)],
        )
    _review_by_ai(repositories[1], now)
    _deploy(repositories[1], now)
    return team


def _review_by_ai(repository: Repository, now: datetime) -> None:
    """Three reviews of two pull requests."""
    first, second = repository.pull_requests.order_by("-opened_at")[:2]
    for place, row in enumerate((first, first, second)):
        PRReview.objects.create(
            team=row.team,
            pull_request=row,
            node_id=f"R_ai_{place}",
            reviewer_github_id=2**34,
            reviewer_login="coderabbit",
            state="commented",
            is_ai=True,
            submitted_at=now - timedelta(hours=place + 1),
        )


def _deploy(repository: Repository, now: datetime) -> None:
    """Every second one a day after its merge, except earlier ones and those on other branches."""
    application = make_application(repository)
    rows = repository.pull_requests.filter(merged_at__lt=now - timedelta(days=2))
    for place, row in enumerate(rows.order_by("merged_at")):
        if place % 2 and row.merged_at:
            make_deployment(application, row.merged_at + timedelta(days=1), [row])
        elif place % 4:
            rows.filter(pk=row.pk).update(was_live_before=True)
        elif place % 8:
            rows.filter(pk=row.pk).update(base_branch="release")
    freshness.all_changed(repository.team)
    freshness.stamp(repository.pull_requests.all())


def _reviews(chance: random.Random, people: Any, author: Any, ended: float) -> list[Review]:
    states = ("approved", "changes_requested", "commented")
    others = [each for each in people if each is not author]
    return [
        Review(chance.choice(others), ended * share, chance.choice(states))
        for share in (0.2, 0.5, 0.8)[: chance.randint(0, 3)]
    ]


def _asks(group: Group, at: datetime) -> EventFact:
    return EventFact("review_requested", at, group=group.github_id, is_group=True)


def _turns(chance: random.Random, ended: float) -> list[tuple[str, float]]:
    to_and_fro = [("convert_to_draft", 0.1), ("ready_for_review", 0.3)]
    again = [("closed", 0.4), ("reopened", 0.6)]
    chosen = chance.choice([[], [], [], to_and_fro, again])
    return [(kind, ended * share) for kind, share in chosen]


def shown(client: Client, path: str) -> Iterator[Shown]:
    """Every number of a page that links to a list, including those in tables of charts."""
    caches["pages"].clear()
    page = client.get(path)
    assert page.status_code == 200, path
    for address, inner in LINK.findall(page.content.decode()):
        text = " ".join(unescape(re.sub(r"<[^>]+>", "", inner)).split())
        if re.search(r"\d", text) and not WAITED.search(address):
            # With all fields, whichever columns the list shows.
            yield Shown(text, re.sub(r"&columns=[^&]*", "", unescape(address)))


class Lists:
    """The lists behind URLs, each fetched once."""

    def __init__(self, client: Client) -> None:
        self.client, self.known = client, {}  # type: ignore[var-annotated]

    def count(self, address: str) -> int:
        return int(self._reply(address)["count"])

    def rows(self, address: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        following: str | None = address
        while following:
            reply = self._reply(following)
            found += reply["pull_requests"]
            following = reply["next"]
        return found

    def _reply(self, address: str) -> Any:
        # Some lists show columns of their own; here every field is compared.
        address = re.sub(r"&columns=[^&]*", "", address)
        if address not in self.known:
            self.known[address] = self.client.get(address, headers=JSON).json()
        return self.known[address]


def is_true(number: Shown, lists: Lists) -> bool:
    """Whether the list matches the number."""
    count = lists.count(number.address)
    if found := COUNT.fullmatch(number.text):
        number_shown = int(found[1].replace(",", ""))
        return number_shown == count or (not found[3] and number_shown in _others(number, lists))
    if number.figure == "waited":
        return count > 0
    return number.text in {text.replace("\xa0", " ") for text in _texts(number, lists)}


def _others(number: Shown, lists: Lists) -> set[int]:
    """Other numbers that link to pull requests: of their authors, or reviews."""
    rows = lists.rows(number.address)
    keys = [row["github_id"] for row in rows]
    if number.figure in ("reviews", "approvals", "changes_requested"):
        return {_reviews_on(number, keys)}
    if number.figure == "ai_reviews":
        return {PRReview.objects.filter(pull_request__github_id__in=keys, is_ai=True).count()}
    if number.figure == "size":
        return {round(statistics.median(row["additions"] + row["deletions"] for row in rows))}
    return {len({row[_credited(row)] for row in rows} - {None})}


def _credited(row: dict[str, Any]) -> str:
    """Which of its people an author counted for it is."""
    return "initiator_github_id" if row["ai"] == "agent" else "author_github_id"


def _reviews_on(number: Shown, keys: list[int]) -> int:
    query = parse_qs(urlsplit(number.address).query)
    name, *people = query["figure"][0].split(".")
    found = PRReview.objects.filter(pull_request__github_id__in=keys, is_qualifying=True)
    since = datetime.fromisoformat(query["since"][0]) if "since" in query else None
    first = timezone.now().date() - timedelta(days=DAYS - 1)
    found = found.filter(submitted_at__date__gte=since.date() if since else first)
    if "until" in query:
        found = found.filter(submitted_at__date__lte=query["until"][0])
    if people:
        found = found.filter(reviewer_github_id=int(people[0]) or None)
    state = {"approvals": "approved", "changes_requested": "changes_requested"}.get(name)
    return found.filter(state=state).count() if state else found.count()


def _texts(number: Shown, lists: Lists) -> Iterator[str]:
    """Every text that a page may show for a list's rows."""
    rows = lists.rows(number.address)
    if number.figure == "response_time":
        yield number.text  # of reviews, which the list does not have
        return
    for name in (*DURATIONS, "deploy_time", "lead_time"):
        values = [row[name] for row in rows if row[name] is not None]
        if name == number.figure and values:
            yield from (duration_text(float(np.percentile(values, p))) for p in (50, 75, 90))
        if number.figure in ("stages", "lead_time"):
            yield duration_text(sum(values) / max(len(rows), 1))
    whole = re.sub(r"&?(reviewed=yes|flag=\w+|figure=[\w.]+|sort=[\w-]+)", "", number.address)
    yield figure_text(len(rows) / max(lists.count(whole), 1), "share")
    yield figure_text(len(rows) / (DAYS / 7), "decimal")
    rounds = [row["review_rounds"] for row in rows]
    yield figure_text(sum(rounds) / max(len(rows), 1), "hundredths")


def pages(team: Team) -> list[str]:
    """All pages with figures."""
    repository = Repository.objects.get(team=team, full_name="acme/api")
    person = TeamMember.objects.get(team=team, github_username="ada")
    return [
        *("", "flow/", "reviews/", "compare/repositories/", "compare/people/", "production/"),
        *("waiting/", "ai/"),
        f"repositories/{repository.github_repo_id}/",
        f"people/{person.github_id}/",
    ]


@pytest.mark.parametrize("chosen", FILTERS, ids=["all", "narrow"])
def test_it_works(chosen: str, world: Team, alice_client: Client) -> None:
    lists = Lists(alice_client)
    seen: set[str] = set()
    for page in pages(world):
        found = set(shown(alice_client, f"/a/acme/{page}?range=4w&whole=1{chosen}"))
        wrong = [number for number in found if not is_true(number, lists)]
        assert not wrong, page
        assert len(found) > 5, page
        seen |= {number.figure for number in found}
    if not chosen:
        assert BEHIND.keys() <= seen
