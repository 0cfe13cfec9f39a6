"""GraphQL's nodes of the world, and finding them by global node id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .changes import CHANGES
from .git import find
from .world import (
    Account,
    Commit,
    Deployment,
    DeploymentStatus,
    Label,
    PullRequest,
    Release,
    Repository,
    Review,
    Team,
    TimelineEvent,
    World,
)

Thing = PullRequest | Review | Commit | TimelineEvent


@dataclass(frozen=True)
class Placed:
    """A child of a pull request, with its parent."""

    repository: Repository
    pull_request: PullRequest
    thing: Thing


@dataclass(frozen=True)
class GitCommit:
    """A commit in git, whatever pull requests it is in."""

    repository: Repository
    thing: Commit


@dataclass(frozen=True)
class Delivered:
    """A deployment, a status or a release, with its repository."""

    repository: Repository
    thing: Deployment | DeploymentStatus | Release
    deployment: Deployment | None = None  # a status'


@dataclass(frozen=True)
class ReviewComment:
    """The world only counts review comments: this is the `index`-th one of a review."""

    placed: Placed
    index: int


@dataclass(frozen=True)
class ReviewRequest:
    placed: Placed
    reviewer: Account | Team


Served = (
    Account
    | Team
    | Repository
    | Placed
    | GitCommit
    | Delivered
    | Label
    | ReviewComment
    | ReviewRequest
)


def type_name(value: Served) -> str:
    """The GraphQL type of an object behind an interface or a union."""
    if isinstance(value, Placed):
        return _thing_name(value.thing)
    if isinstance(value, GitCommit | Delivered):
        return type(value.thing).__name__
    return value.type if isinstance(value, Account) else type(value).__name__


def _thing_name(thing: Thing) -> str:
    if isinstance(thing, TimelineEvent):
        return thing.type
    return {
        PullRequest: "PullRequest",
        Review: "PullRequestReview",
        Commit: "PullRequestCommit",
    }[type(thing)]


class NodeIndex:
    """Everything by node id. New objects are found by scanning again; deleted ones are gone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[str, Served] = {}
        self._state: tuple[int, ...] = ()

    def find(self, node_id: str) -> Served | None:
        if node_id.startswith(COMMIT):
            return self._commit(node_id)
        found = self._known.get(node_id)
        if found is None and self._state != self._now():
            self._known, self._state = dict(_everything(self.world)), self._now()
            found = self._known.get(node_id)
        return found if found is not None and self._is_there(found) else None

    def _commit(self, node_id: str) -> GitCommit | None:
        """The node id of a commit names its repository and its SHA."""
        number, _, oid = node_id.removeprefix(COMMIT).partition("_")
        repository = self.world.repositories.get(int(number)) if number.isdecimal() else None
        found = find(repository, oid) if repository else None
        return GitCommit(repository, found) if repository and found else None

    def _now(self) -> tuple[int, ...]:
        teams = sum(len(each.teams) for each in self.world.organizations.values())
        return (
            CHANGES.count,
            len(self.world.accounts),
            len(self.world.repositories),
            teams,
        )

    def _is_there(self, found: Served) -> bool:
        if isinstance(found, Account):
            return found.id in self.world.accounts
        if isinstance(found, Delivered):
            return self._is_there(found.repository)
        if isinstance(found, Placed):
            here = found.repository.pull_requests.get(found.pull_request.number)
            return here is found.pull_request and self._is_there(found.repository)
        return not isinstance(found, Repository) or found.id in self.world.repositories


def _everything(world: World) -> Iterator[tuple[str, Served]]:
    for account in world.accounts.values():
        yield account.node_id, account
    for organization in world.organizations.values():
        for team in organization.teams:
            yield team.node_id, team
    for repository in world.repositories.values():
        yield repository.node_id, repository
        yield from _delivered(repository)
        for pull_request in repository.pull_requests.values():
            yield pull_request.node_id, Placed(repository, pull_request, pull_request)
            things: list[Review | TimelineEvent] = [*pull_request.reviews, *pull_request.timeline]
            for thing in things:
                yield thing.node_id, Placed(repository, pull_request, thing)


def _delivered(repository: Repository) -> Iterator[tuple[str, Served]]:
    for deployment in repository.deployments.values():
        yield deployment.node_id, Delivered(repository, deployment)
        for status in deployment.statuses:
            yield status.node_id, Delivered(repository, status, deployment)
    for release in repository.releases.values():
        yield release.node_id, Delivered(repository, release)


COMMIT = "C_kw"


def commit_id(repository: Repository, oid: str) -> str:
    """The node id of a commit."""
    return f"{COMMIT}{repository.id}_{oid}"
