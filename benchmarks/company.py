"""A made-up company of any size, the same for the same seed: the rows that a sync would store.

Durations and flags come from the real calculations, so that recalculating changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.facts import (
    CommitFact,
    EventFact,
    Person,
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.waiting import answer_times
from benchmarks import company_rows
from benchmarks.company_rows import Row

YEARS = 5
MEMBERS, OUTSIDERS = 600, 1500
OF_A_TEAM = 10
HOUR, DAY = 3600, 86400
BOTS = ("dependabot", "renovate", "release-bot", "copilot-pull-request-reviewer")


def _id(number: int) -> int:
    """As far apart as the ids of accounts on GitHub."""
    return number * 104_729 % 250_000_007


@dataclass(frozen=True)
class Account:
    """A GitHub account; `member` is the id of their row, if they are in the team."""

    id: int
    login: str
    type: str = "User"
    member: int | None = None

    @property
    def person(self) -> Person:
        return Person(self.id, self.login, self.type == "Bot")


@dataclass
class Company:
    """Rows by table. Repositories come one after another, each newest first, as in a sync."""

    pull_requests: int
    seed: int = 1
    repositories: int = 500
    largest: float = 0
    """The share of pull requests in the largest repository; else it has one in twenty."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    team: int = 1

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.ids = {name: count(1) for name in ("pr", "review", "commit", "link", "event")}
        self.members = [Account(_id(n), f"person-{n}", "User", n) for n in range(1, MEMBERS + 1)]
        self.members_by_id = {who.id: who for who in self.members}
        self.outsiders = [Account(_id(5_000 + n), f"visitor-{n}") for n in range(OUTSIDERS)]
        now = str(self.now)[:19]
        self.stamps: Row = {"team_id": self.team, "created_at": now, "modified_at": now}
        self.bots = [Account(_id(9_000 + n), login, "Bot") for n, login in enumerate(BOTS)]
        self.agent = Account(198982749, "copilot-swe-agent", "Bot")

    def member_rows(self) -> list[Row]:
        return [
            {
                **self.stamps,
                "id": who.member,
                "github_id": who.id,
                "github_username": who.login,
                "name": who.login.replace("-", " ").title(),
                "email": "",
                "avatar_url": "",
                "role": "member",
                "is_bot": False,
                "is_active": True,
                "is_hidden": False,
            }
            for who in self.members
        ]

    def group_rows(self) -> list[Row]:
        """GitHub's teams; each member is in one of them."""
        return [
            {
                **self.stamps,
                "id": n,
                "github_id": _id(20_000 + n),
                "organization_id": 1,
                "slug": f"team-{n}",
                "name": f"Team {n}",
            }
            for n in range(1, MEMBERS // OF_A_TEAM + 1)
        ]

    def group_member_rows(self) -> list[Row]:
        return [
            {"id": n, "group_id": (n - 1) // OF_A_TEAM + 1, "teammember_id": n}
            for n in range(1, MEMBERS + 1)
        ]

    def repository_rows(self) -> list[Row]:
        return [
            {
                **self.stamps,
                "id": n,
                "github_repo_id": 7000 + n,
                "node_id": f"R_{n}",
                "full_name": f"acme/service-{n}",
                "default_branch": "main",
                "is_private": True,
                "is_archived": False,
                "url": f"https://github.com/acme/service-{n}",
                "revision": 1,
                "fetched_at": self.now,
            }
            for n in range(1, self.repositories + 1)
        ]

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Pull requests and their children, each with the name of its table."""
        weights = [1 / (n + 4) for n in range(self.repositories)]
        if self.largest:
            weights[0] = sum(weights[1:]) * self.largest / (1 - self.largest)
        shares = [int(self.pull_requests * w / sum(weights)) for w in weights]
        shares[0] += self.pull_requests - sum(shares)
        for repository, number in enumerate(shares, start=1):
            regulars = self.random.sample(self.members, 10 + int(self.random.paretovariate(1)) % 40)
            opened = sorted(self._opening() for _ in range(number))
            for place in range(number, 0, -1):
                yield from self._work(repository, place, opened[place - 1], regulars)

    def _opening(self) -> datetime:
        # The company grew: three times as many in the end as in the beginning.
        share = (math.sqrt(1 + 8 * self.random.random()) - 1) / 2
        day = int(share * YEARS * 365)
        at = self.now - timedelta(days=YEARS * 365 - day)
        if at.weekday() > 4 and self.random.random() < 0.85:
            at -= timedelta(days=self.random.randint(2, 4))
        second = int(self.random.gauss(13.5, 3) * HOUR) % DAY
        at = at.replace(hour=0, minute=0, second=0) + timedelta(seconds=second)
        return min(at, self.now - timedelta(minutes=5))

    def _work(
        self, repository: int, number: int, opened_at: datetime, regulars: Sequence[Account]
    ) -> Iterator[tuple[str, Row]]:
        story = Story(self, self._author(regulars), opened_at, regulars)
        facts = story.facts()
        figures = dict(vars(calculations.calculate(facts)))
        qualifying, responses = figures.pop("qualifying"), figures.pop("responses")
        answers = answer_times(facts, qualifying)
        counted = zip(qualifying, responses, answers, strict=True)
        pk = next(self.ids["pr"])
        by_ai = company_rows.ai_reviews(self, story, facts)
        columns = company_rows.pull_request(self, story, facts, by_ai, repository, number)
        yield "metrics_pullrequest", {**self.stamps, "id": pk, **columns, **figures}
        for (who, review), counted_as in zip(story.reviews, counted, strict=True):
            is_ai = who == self.bots[-1] and review.submitted_at in by_ai
            yield "metrics_prreview", company_rows.review(self, pk, who, review, counted_as, is_ai)
        for event in story.events:
            yield "metrics_timelineevent", company_rows.event(self, pk, event)
        for position, commit in enumerate(story.commits):
            key = next(self.ids["commit"])
            yield "metrics_commit", company_rows.commit(self, key, repository, story.author, commit)
            link = next(self.ids["link"])
            yield (
                "metrics_pullrequestcommit",
                {"id": link, "pull_request_id": pk, "commit_id": key, "position": position},
            )

    def _author(self, regulars: Sequence[Account]) -> Account | None:
        draw = self.random.random()
        if draw < 0.1:
            return self.bots[int(draw * 30)]
        if draw < 0.14:
            return self.random.choice(self.outsiders)
        if draw < 0.142:
            return None
        if draw < 0.162:
            return self.agent
        return regulars[int(len(regulars) * self.random.random() ** 2)]


class Story:
    """What happened to one pull request."""

    def __init__(
        self,
        company: Company,
        author: Account | None,
        opened_at: datetime,
        regulars: Sequence[Account],
    ) -> None:
        self.company, self.random, self.author = company, company.random, author
        self.opened_at, self.regulars = opened_at, regulars
        self.is_by_bot = author is not None and author.type == "Bot"
        seconds = int(self.random.lognormvariate(11.2, 1.6)) + 60
        self.end: datetime | None = opened_at + timedelta(seconds=seconds)
        self.state = "closed" if self.random.random() < 0.09 else "merged"
        if self.end > company.now:
            self.end, self.state = None, "open"
        self.length = int(((self.end or company.now) - opened_at).total_seconds())
        self.ready = self.random.randrange(self.length) if self.random.random() < 0.12 else 0
        self.commits = list(self._commits())
        self.is_draft = bool(self.ready) and self.state == "open" and self.random.random() < 0.5
        self.events = sorted(self._events(), key=lambda event: event.at)
        self.reviews = sorted(self._reviews(), key=lambda pair: pair[1].submitted_at)

    def at(self, seconds: float) -> datetime:
        return self.opened_at + timedelta(seconds=int(seconds))

    def _commits(self) -> Iterator[CommitFact]:
        number = 1 + int(self.random.lognormvariate(1.67, 0.97)) if not self.is_by_bot else 1
        begin = int(self.random.lognormvariate(9.5, 1.7))
        for place in range(number):
            after = begin if place == 0 else self.random.randrange(begin + 1)
            at = self.at(self.random.randrange(self.length) if place > 5 else -after)
            yield CommitFact(at, at)

    def _events(self) -> Iterator[EventFact]:
        if self.ready and not self.is_draft:
            yield EventFact("ready_for_review", self.at(self.ready))
        if self.random.random() < 0.75 and not self.is_by_bot:
            for who in self.random.sample(self.regulars, self.random.choice((1, 1, 2))):
                yield EventFact("review_requested", self.at(self.ready), who.id)
        if self.random.random() < 0.1:
            yield EventFact("head_ref_force_pushed", self.at(self.random.randrange(self.length)))
        yield from self._turns()
        if self.end:
            yield EventFact("closed", self.end)
        if self.state == "merged" and self.end:
            yield EventFact("merged", self.end)

    def _turns(self) -> Iterator[EventFact]:
        middle = (self.ready + self.length) // 2
        if self.random.random() < 0.02 and not self.is_draft:
            yield EventFact("convert_to_draft", self.at(middle))
            yield EventFact("ready_for_review", self.at(middle + (self.length - middle) // 2))
        elif self.random.random() < 0.01:
            yield EventFact("closed", self.at(middle))
            yield EventFact("reopened", self.at(middle + (self.length - middle) // 2))

    def _reviews(self) -> Iterator[tuple[Account | None, ReviewFact]]:
        if self.random.random() < (0.7 if self.is_by_bot else 0.13):
            return
        for _ in range(1 + int(self.random.lognormvariate(1.16, 0.83))):
            who = self._reviewer()
            after = self.ready + int(self.random.lognormvariate(9.2, 1.8))
            if after > self.length and self.random.random() < 0.9:
                after = self.random.randrange(self.length)
            if self.at(after) > self.company.now:
                continue
            person = who.person if who else Person(None, None)
            yield who, ReviewFact(person, self._state(), self.at(after))

    def _reviewer(self) -> Account | None:
        draw = self.random.random()
        if draw < 0.12:
            return self.author
        if draw < 0.22:
            return self.company.bots[-1]
        return self.regulars[int(len(self.regulars) * self.random.random() ** 1.5)]

    def _state(self) -> str:
        states = ("commented", "approved", "changes_requested", "dismissed")
        return self.random.choices(states, cum_weights=(55, 88, 98, 100))[0]

    def facts(self) -> PullRequestFacts:
        changed = int(self.random.lognormvariate(4, 1.7)) + 1
        return PullRequestFacts(
            state=self.state,
            is_draft=self.is_draft,
            author=self.author.person if self.author else Person(None, None),
            opened_at=self.opened_at,
            closed_at=self.end,
            merged_at=self.end if self.state == "merged" else None,
            additions=changed,
            deletions=int(changed * self.random.random()),
            commits=self.commits,
            reviews=[review for _, review in self.reviews],
            events=self.events,
        )
