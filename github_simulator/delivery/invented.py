"""How the generated world reaches production: what is deployed, how often, and what fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from ..actions import Deed, new_id
from ..git import git_of
from ..node_ids import node_id
from ..world import (
    Account,
    Commit,
    MergeMethod,
    PullRequest,
    Repository,
    TimelineEvent,
    World,
)
from . import deployments, releases, workflows


@dataclass(frozen=True)
class Habit:
    """A repository's way to production; `days` are weekdays, none means after each merge."""

    environments: tuple[str, ...] = ()
    days: tuple[int, ...] = ()
    releases: bool = False
    workflow: bool = False
    method: MergeMethod = "merge"


HABITS: dict[str, Habit] = {
    "billing-service": Habit(("production",), (0, 1, 2, 3, 4), method="squash"),
    "web": Habit(("staging", "production"), method="squash"),
    "api-gateway": Habit(("production-us", "production-eu"), (0, 2, 4)),
    "payments-service": Habit(("production",), (1, 3), method="rebase"),
    "auth-service": Habit(("prod",), method="squash"),
    "search-service": Habit(("production",)),
    "infrastructure": Habit(("live",), (1, 2, 3)),
    "sdk-python": Habit(releases=True, method="squash"),
    "cli": Habit(releases=True),
    "data-pipeline": Habit(workflow=True),
}
_JOB_FAILS, _ROLLED_BACK, _REPEATED = 0.04, 0.03, 0.01


def deliver(world: World, robot: Account, seed: int, start: datetime, now: datetime) -> None:
    """Deploys merged work, in repositories that deploy."""
    rng = Random(f"delivery {seed}")
    for repository in world.repositories.values():
        habit = HABITS.get(repository.name)
        if habit is None or repository.fork or repository.owner.type != "Organization":
            continue
        for pull_request in repository.pull_requests.values():
            pull_request.merge_method = habit.method
            _queued(world, repository, pull_request, rng)
        way = _Way(world, repository, robot, rng, now)
        began = start + timedelta(days=25)  # earlier merges are not known to be deployed
        landed = [commit for commit in _landed(repository) if commit.committed_at > began]
        for place, environment in enumerate(habit.environments):
            way.deploy(environment, landed, habit.days, late=place * 50)
        if habit.releases:
            way.release(landed)
        if habit.workflow:
            way.run(landed)


def _queued(world: World, repository: Repository, pull: PullRequest, rng: Random) -> None:
    """Adds the queue events before a queue bot's merges; sometimes checks failed once."""
    if not (pull.merged_at and pull.merged_by and pull.merged_by.type == "Bot"):
        return
    events = [event for event in pull.timeline if event.type == "MergedEvent"]
    others = [each.created_at for each in pull.timeline if each.created_at < pull.merged_at]
    reviews = [r.submitted_at for r in pull.reviews if r.submitted_at]
    earliest = max([pull.created_at, *others, *(r for r in reviews if r < pull.merged_at)])
    room = (pull.merged_at - earliest).total_seconds()
    place = pull.timeline.index(events[0]) if events else len(pull.timeline)
    kinds = ["AddedToMergeQueueEvent"]
    if rng.random() < 0.1:
        kinds = [*kinds, "RemovedFromMergeQueueEvent", *kinds]
    shares = sorted((rng.uniform(0.05, 0.8) for _ in kinds), reverse=True)
    for kind, share in zip(kinds, shares, strict=True):
        at = (pull.merged_at - timedelta(seconds=room * share)).replace(microsecond=0)
        number = new_id(world, "LA", at)
        reason = "FAILED_CHECKS" if kind.startswith("Removed") else None
        event = TimelineEvent(
            node_id("MQE", repository.id, number), kind, pull.author, at, reason=reason
        )
        pull.timeline.insert(place, event)
        place += 1


def _landed(repository: Repository) -> list[Commit]:
    """The default branch along first parents, oldest first, without its root."""
    git, found = git_of(repository), list[Commit]()
    name = git.heads.get(repository.default_branch)
    while name and git.commits[name].parents:
        found.append(git.commits[name])
        name = git.commits[name].parents[0]
    return found[::-1]


class _Way:
    """One repository's deployments; its clock only moves forward."""

    def __init__(
        self, world: World, repository: Repository, robot: Account, rng: Random, now: datetime
    ) -> None:
        self.world, self.repository, self.robot = world, repository, robot
        self.rng, self.now = rng, now

    def _deed(self, at: datetime, who: Account | None = None) -> Deed:
        return Deed(self.world, self.repository, who or self.robot, at.replace(microsecond=0))

    # Deployments

    def deploy(
        self, environment: str, landed: list[Commit], days: tuple[int, ...], *, late: int
    ) -> None:
        live: list[str] = []
        for at, oid in self._moments(landed, days, late):
            if live and oid == live[-1] and self.rng.random() > _REPEATED:
                continue
            if self._attempt(at, environment, oid):
                live.append(oid)
            if len(live) > 1 and self.rng.random() < _ROLLED_BACK:
                back = at + timedelta(minutes=self.rng.randint(25, 110))
                if back < self.now and self._attempt(back, environment, live[-2]):
                    live.append(live[-2])

    def _moments(
        self, landed: list[Commit], days: tuple[int, ...], late: int
    ) -> Iterator[tuple[datetime, str]]:
        """When deployments happen, and the newest commit then."""
        last: datetime | None = None
        for commit, following in zip(landed, [*landed[1:], None], strict=True):
            at = commit.committed_at + timedelta(minutes=self.rng.randint(6, 45) + late)
            if days:
                at = _next_train(commit.committed_at, days) + timedelta(minutes=late)
            is_newest = following is None or following.committed_at > at
            if is_newest and (last is None or at > last) and at < self.now - timedelta(minutes=30):
                last = at
                yield at, commit.oid

    def _attempt(self, at: datetime, environment: str, oid: str) -> bool:
        """One deployment with its statuses; some jobs fail, and nothing reaches production."""
        target = deployments.Target(
            oid, environment, production=environment != "staging", transient=False
        )
        made, _ = deployments.deploy(self._deed(at), target)
        deployments.set_status(self._deed(at + timedelta(seconds=40)), made, "IN_PROGRESS")
        end = at + timedelta(seconds=self.rng.randint(150, 700))
        succeeds = self.rng.random() > _JOB_FAILS
        deployments.set_status(self._deed(end), made, "SUCCESS" if succeeds else "FAILURE")
        return succeeds

    # Releases

    def release(self, landed: list[Commit]) -> None:
        """Every other week a version, sometimes a candidate before it, and finally a draft."""
        due, minor = None, 0
        for commit in landed:
            at = commit.committed_at + timedelta(hours=self.rng.randint(1, 20))
            if at > self.now or (due and at < due):
                continue
            minor += 1
            due = at + timedelta(days=self.rng.randint(8, 19))
            name, author = f"v1.{minor}.0", commit.author
            person = author if author and author.type == "User" else None
            deed = self._deed(at, person)
            if self.rng.random() < 0.2:
                candidate = releases.Version(f"{name}-rc.1", commit.oid, prerelease=True)
                releases.release(deed, candidate)
            releases.release(deed, releases.Version(name, commit.oid))
        for last in landed[-1:]:
            version = releases.Version(f"v1.{minor + 1}.0", last.oid, draft=True)
            releases.release(self._deed(self.now), version)

    # Workflow runs

    def run(self, landed: list[Commit]) -> None:
        """Tests and a deployment after each merge; failed ones are often run again."""
        for commit in landed:
            for name in ("Tests", "Deploy"):
                self._run(commit, name)

    def _run(self, commit: Commit, name: str) -> None:
        at = commit.committed_at + timedelta(seconds=self.rng.randint(5, 60))
        end = at + timedelta(minutes=self.rng.randint(4, 16))
        again = end + timedelta(minutes=self.rng.randint(10, 50))
        if again + timedelta(minutes=20) > self.now:
            return
        of = workflows.workflow(self._deed(at), name)
        trigger = workflows.Trigger(self.repository.default_branch, commit.oid)
        run, _ = workflows.start(self._deed(at), of, trigger)
        fails = self.rng.random() < 0.1
        workflows.finish(self._deed(end), run, "failure" if fails else "success")
        if fails and self.rng.random() < 0.7:
            workflows.again(self._deed(again), run)
            workflows.finish(self._deed(again + timedelta(minutes=7)), run, "success")


def _next_train(after: datetime, days: tuple[int, ...]) -> datetime:
    """10:30 on the next of these weekdays."""
    at = after.replace(hour=10, minute=30, second=0, microsecond=0)
    while at <= after or at.weekday() not in days:
        at += timedelta(days=1)
    return at
