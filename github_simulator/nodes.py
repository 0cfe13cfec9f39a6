"""What GraphQL serves of the world, and finding it by its global node id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .world import (
    CHANGES,
    Account,
    Commit,
    Label,
    PullRequest,
    Repository,
    Review,
    Team,
    TimelineEvent,
    World,
)

Thing = PullRequest | Review | Commit | TimelineEvent


@dataclass(frozen=True)
class Placed:
    """Something of a pull request, with where it belongs."""

    repository: Repository
    pull_request: PullRequest
    thing: Thing


@dataclass(frozen=True)
class ReviewComment:
    """The world only counts review comments: this is the `index`-th one of a review."""

    placed: Placed
    index: int


@dataclass(frozen=True)
class ReviewRequest:
    placed: Placed
    reviewer: Account | Team


Served = Account | Team | Repository | Placed | Label | ReviewComment | ReviewRequest


def type_name(value: Served) -> str:
    """The GraphQL type of what stands behind an interface or a union."""
    if isinstance(value, Placed):
        return _thing_name(value.thing)
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
    """Everything by node id. What is new is found by looking again; what is gone is not served."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[str, Served] = {}
        self._state: tuple[int, ...] = ()

    def find(self, node_id: str) -> Served | None:
        found = self._known.get(node_id)
        if found is None and self._state != self._now():
            self._known, self._state = dict(_everything(self.world)), self._now()
            found = self._known.get(node_id)
        return found if found is not None and self._is_there(found) else None

    def _now(self) -> tuple[int, ...]:
        teams = sum(len(each.teams) for each in self.world.organizations.values())
        return CHANGES.count, len(self.world.accounts), len(self.world.repositories), teams

    def _is_there(self, found: Served) -> bool:
        if isinstance(found, Account):
            return found.id in self.world.accounts
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
        for pull_request in repository.pull_requests.values():
            yield pull_request.node_id, Placed(repository, pull_request, pull_request)
            things: list[Review | TimelineEvent] = [*pull_request.reviews, *pull_request.timeline]
            for thing in things:
                yield thing.node_id, Placed(repository, pull_request, thing)
