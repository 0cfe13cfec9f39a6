"""A simulated GitHub in a process of its own, so that its work is not counted as ours."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import httpx

from github_simulator import actions
from github_simulator.actions import Deed, Draft
from github_simulator.git import new_oid
from github_simulator.node_ids import node_id
from github_simulator.testing import running
from github_simulator.world import Account, Commit, Organization, PullRequest, Repository, World

ADA, GRACE, ACME = 40_000_001, 40_000_002, 50_000_001
FIRST = 60_000_000


@dataclass(frozen=True)
class Served:
    """Its URL, and the requests it received."""

    url: str
    token: str
    repositories: list[tuple[int, str, str]]  # id, node id, full name

    def stats(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/_control/stats").json())

    def reset(self) -> None:
        httpx.post(f"{self.url}/_control/reset")

    def act(self, act: str, **given: Any) -> None:
        url = f"{self.url}/_control/acts"
        httpx.post(url, json={"act": act, **given}).raise_for_status()


@contextmanager
def serve(pull_requests: list[int], **options: float) -> Iterator[Served]:
    """A repository for each number, with that many pull requests of 2 reviews and 3 commits."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(theirs, pull_requests, options), daemon=True
    )
    process.start()
    yield Served(*ours.recv())
    ours.send("enough")
    process.join(10)


def _serve(pipe: Connection, pull_requests: list[int], options: dict[str, Any]) -> None:
    made = world(pull_requests)
    with running(made, **options) as github:
        github.simulator.limits.maximum = {"core": 10**9, "graphql": 10**9}
        github.simulator.limits.per_minute = {"core": 10**9, "graphql": 10**9}
        known = [(each.id, each.node_id, each.full_name) for each in made.repositories.values()]
        pipe.send((github.url, github.token, known))
        pipe.recv()


def world(pull_requests: list[int]) -> World:
    made = World()
    for number, login in ((ADA, "ada"), (GRACE, "grace")):
        made.accounts[number] = Account(number, f"U_{login}", login)
    acme = made.accounts[ACME] = Account(ACME, "O_acme", "acme", "Organization")
    made.organizations[ACME] = Organization(acme, {ADA: "admin", GRACE: "member"})
    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for place, count in enumerate(pull_requests):
        number = FIRST + place
        repository = Repository(number, node_id("R", number), acme, f"service-{place}")
        made.repositories[number] = repository
        for age in range(count, 0, -1):
            pull = _work(made, repository, newest - timedelta(minutes=30 * age))
            _give_small_ids(pull)
    return made


def _give_small_ids(pull: PullRequest) -> None:
    """Some of the programs measured for comparison request ids of 32 bits."""
    pull.id %= 2**31
    for review in pull.reviews:
        review.id %= 2**31


def _work(made: World, repository: Repository, at: datetime) -> PullRequest:
    ada, grace = made.accounts[ADA], made.accounts[GRACE]
    commits = [
        Commit(
            new_oid(repository.id, at, n),
            at - timedelta(minutes=5 - n),
            at - timedelta(minutes=5 - n),
            f"Take step {n} of this work",
            *(40, 9, 3),
            author=ada,
            committer=ada,
        )
        for n in range(3)
    ]
    draft = Draft("Work that is like most work", "branch", commits, body="What and why. " * 20)
    deed = Deed(made, repository, ada, at)
    pull, _ = actions.open_pull_request(deed, draft)
    for minutes, state in ((9, "COMMENTED"), (14, "APPROVED")):
        review = Deed(made, repository, grace, at + timedelta(minutes=minutes))
        actions.submit_review(review, pull, state)  # type: ignore[arg-type]
    actions.merge(Deed(made, repository, ada, at + timedelta(minutes=19)), pull)
    return pull
