"""`--live`: time goes on. Every few seconds a pull request is opened, reviewed or merged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from . import actions, prose
from .actions import Deed, Draft, requested_reviewers
from .delivery import deployments
from .git import git_of, new_oid
from .happening import Happening
from .lifecycle import invented_commit
from .state import Simulator
from .world import Account, Commit, Deployment, PullRequest, Repository, StatusState

UNDER_WAY = 45  # pull requests; with more of them, new ones are opened more rarely
MOST_MADE = 4000  # then nothing new is opened, so that memory stays bounded
DELIVERED = 0.06  # the share of steps that deploy
JOB_FAILS = 0.05
FRESH = timedelta(days=14)  # older work is left alone: merged now, it would distort every figure


class Life:
    """Spontaneous events in a world."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.rng = random.Random(f"live {simulator.options.seed}")
        self.made = 0

    def step(self) -> list[Happening]:
        """One action, now; listeners are notified."""
        if self.rng.random() < DELIVERED and (events := self._deliver()):
            return self._notify(events)
        fresh = self._fresh_work()
        rate = 0.01 if len(fresh) >= UNDER_WAY else 0.03
        may_open = self.made < MOST_MADE
        if may_open and (not fresh or self.rng.random() < rate):
            happenings = self._open()
        else:
            happenings = self._go_on(*self.rng.choice(fresh)) if fresh else []
        return self._notify(happenings)

    def _notify(self, happenings: list[Happening]) -> list[Happening]:
        for happening in happenings:
            self.simulator.announce(happening)
        return happenings

    # Deployments

    def _deliver(self) -> list[Happening]:
        """Ends pending deployments; else deploys what was merged since the last one."""
        delivering = [r for r in self._repositories() if r.deployments]
        if not delivering:
            return []
        repository = self.rng.choice(delivering)
        last = max(repository.deployments.values(), key=_age)
        deed = self._deed(repository, last.creator)
        if last.statuses and last.statuses[-1].state == "IN_PROGRESS":
            state: StatusState = "FAILURE" if self.rng.random() < JOB_FAILS else "SUCCESS"
            return deployments.set_status(deed, last, state)
        head = git_of(repository).heads[repository.default_branch]
        if head == last.oid:
            return []
        target = deployments.Target(head, last.environment, production=last.production)
        made, events = deployments.deploy(deed, target)
        return events + deployments.set_status(deed, made, "IN_PROGRESS")

    # Places

    def _repositories(self) -> list[Repository]:
        every = self.simulator.world.repositories.values()
        return [r for r in every if r.pull_requests and not r.archived and not r.fork]

    def _fresh_work(self) -> list[tuple[Repository, PullRequest]]:
        since = self.simulator.clock.now() - FRESH
        return [
            (repository, pull_request)
            for repository in self._repositories()
            for pull_request in repository.pull_requests.values()
            if pull_request.state == "OPEN" and pull_request.created_at > since
        ]

    # People

    def _people(self, repository: Repository) -> list[Account]:
        """The people who worked here lately; else those who may."""
        accounts = self.simulator.world.accounts
        lately = list(repository.pull_requests.values())[-60:]
        authors = [p.author for p in lately if p.author and p.author.type == "User"]
        found = [account for account in dict.fromkeys(authors) if account.id in accounts]
        return found or [a for a in accounts.values() if a.type == "User"]

    def _reviewer(self, repository: Repository, pull_request: PullRequest) -> Account | None:
        asked = [who for who in requested_reviewers(pull_request) if isinstance(who, Account)]
        others = asked or self._people(repository)
        others = [account for account in others if account is not pull_request.author]
        return self.rng.choice(others) if others else None

    def _deed(self, repository: Repository, actor: Account | None) -> Deed:
        simulator = self.simulator
        return Deed(simulator.world, repository, actor, simulator.clock.now())

    # Contents

    def _open(self) -> list[Happening]:
        repositories = self._repositories()
        if not repositories:
            return []
        sizes = [len(repository.pull_requests) for repository in repositories]
        repository = self.rng.choices(repositories, sizes)[0]
        author, title = self.rng.choice(self._people(repository)), prose.title(self.rng)
        deed = self._deed(repository, author)
        draft = Draft(
            title=title,
            head_ref=prose.branch(self.rng, author.login, title),
            commits=self._commits(deed, self.rng.randint(1, 4), self.rng.lognormvariate(2.3, 0.9)),
            body=prose.body(self.rng),
            is_draft=self.rng.random() < 0.2,
        )
        self.made += 1
        return actions.open_pull_request(deed, draft)[1]

    def _commits(self, deed: Deed, count: int, hours: float = 0.0) -> list[Commit]:
        """Commits of the last hours, the oldest first."""
        rng, home = self.rng, deed.repository.id
        moments = sorted(deed.at - timedelta(hours=rng.uniform(0, hours)) for _ in range(count))
        return [
            invented_commit(rng, deed.actor, moment, new_oid(home, moment, rng.random()), 20)
            for moment in moments
        ]

    def _go_on(self, repository: Repository, pull_request: PullRequest) -> list[Happening]:
        """Mostly talk; now and then a step towards the end."""
        if self.rng.random() < 0.75:
            return self._touch(repository, pull_request)
        by_author = self._deed(repository, pull_request.author)
        if pull_request.is_draft:
            return actions.mark_ready(by_author, pull_request)
        verdict = _verdict(pull_request)
        if verdict == "APPROVED":
            return self._finish(by_author, pull_request)
        if verdict == "CHANGES_REQUESTED":
            return self._amend(by_author, pull_request)
        return self._review(repository, pull_request)

    def _touch(self, repository: Repository, pull_request: PullRequest) -> list[Happening]:
        who = self._reviewer(repository, pull_request) or pull_request.author
        chance, deed = self.rng.random(), self._deed(repository, who)
        if chance < 0.7:
            return actions.comment(deed, pull_request)
        if chance < 0.85 and who is not pull_request.author:
            return actions.submit_review(deed, pull_request, "COMMENTED", "", 1)
        by_author = self._deed(repository, pull_request.author)
        return actions.push(by_author, pull_request, self._commits(by_author, 1))

    def _finish(self, deed: Deed, pull_request: PullRequest) -> list[Happening]:
        chance = self.rng.random()
        if chance < 0.02:
            return actions.close(deed, pull_request)
        return actions.merge(deed, pull_request) if chance < 0.2 else []

    def _amend(self, deed: Deed, pull_request: PullRequest) -> list[Happening]:
        events = actions.push(deed, pull_request, self._commits(deed, 1))
        reviewer = pull_request.reviews[-1].author
        if reviewer:
            events += actions.request_review(deed, pull_request, reviewer)
        return events

    def _review(self, repository: Repository, pull_request: PullRequest) -> list[Happening]:
        reviewer = self._reviewer(repository, pull_request)
        if reviewer is None:
            return actions.merge(self._deed(repository, pull_request.author), pull_request)
        if not requested_reviewers(pull_request) and self.rng.random() < 0.6:
            deed = self._deed(repository, pull_request.author)
            return actions.request_review(deed, pull_request, reviewer)
        chance, deed = self.rng.random(), self._deed(repository, reviewer)
        if chance < 0.6:
            return actions.submit_review(deed, pull_request, "APPROVED", "Looks good.")
        text, comments = prose.review_text(self.rng), self.rng.randint(1, 3)
        state = "COMMENTED" if chance < 0.75 else "CHANGES_REQUESTED"
        if state == "COMMENTED":
            return actions.submit_review(deed, pull_request, "COMMENTED", text, comments)
        return actions.submit_review(deed, pull_request, "CHANGES_REQUESTED", text, comments)


def _age(deployment: Deployment) -> tuple[datetime, int]:
    return deployment.created_at, deployment.id


def _verdict(pull_request: PullRequest) -> str | None:
    """The last deciding review, unless commits followed its request for changes."""
    decided = [
        review
        for review in pull_request.reviews
        if review.state in ("APPROVED", "CHANGES_REQUESTED") and review.submitted_at
    ]
    if not decided:
        return None
    last = decided[-1]
    answered = last.commit_oid != pull_request.head_oid and last.state == "CHANGES_REQUESTED"
    return None if answered else last.state


@asynccontextmanager
async def going_on(simulator: Simulator) -> AsyncIterator[None]:
    """Runs the live world with the server, if requested."""
    task = asyncio.create_task(_run(simulator)) if simulator.options.live else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _run(simulator: Simulator) -> None:
    life = Life(simulator)
    while True:
        interval = simulator.options.live_interval
        await asyncio.sleep(life.rng.uniform(0.5, 1.5) * interval)
        life.step()
