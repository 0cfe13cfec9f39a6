"""What each deployment brought, by ancestry, and which of them failed: METRICS, *Until production*.

Pure. An application is followed deployment by deployment, so that a new one costs only the commits
that it brings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from apps.metrics.calculations.ancestry import Graph

REVERTED_WITHIN = timedelta(days=7)
MENDED_WITHIN = timedelta(hours=48)


@dataclass(frozen=True)
class Deployment:
    """A deployment that succeeded.

    `place` is where its commit lies on the default branch: the commit itself, else its merge base;
    None where that cannot be told.
    """

    id: str
    sha: str
    place: str | None
    created_at: datetime
    deployed_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What a deployment did; `brought` and `taken_out` are commits of the default branch."""

    deployment: Deployment
    brought: tuple[str, ...] = ()
    is_repeat: bool = False
    is_rollback: bool = False
    is_restore: bool = False
    taken_out: tuple[str, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether it counts in the frequency and the fail rate."""
        return not (self.is_repeat or self.is_rollback or self.is_restore)


@dataclass
class Application:
    """What is live of an application, and all that was ever brought to its production.

    `goes_back` is False for releases: an older line that is published later is no rollback.
    """

    goes_back: bool = True
    live: Deployment | None = None
    brought: set[str] = field(default_factory=set)
    """Commits of the default branch; with each of them all of its ancestors."""
    shas: set[str] = field(default_factory=set)
    """Commits as they were deployed, those that lie elsewhere too."""

    def deploy(self, deployment: Deployment, graph: Graph) -> Outcome:
        """What the next deployment does; they come in the order of `in_order`.

        One that cannot be placed counts, and leaves what is live as it was.
        """
        if deployment.place is None:
            return Outcome(deployment)
        outcome = self._outcome(deployment, deployment.place, graph)
        self.live = deployment
        self.shas.add(deployment.sha)
        return outcome

    def _outcome(self, deployment: Deployment, place: str, graph: Graph) -> Outcome:
        new = tuple(graph.since(place, self.brought.__contains__))
        self.brought.update(new)
        live = self.live
        if live is None or live.place is None:
            return Outcome(deployment)  # What came before the first is not known.
        if new or not self.goes_back:
            return Outcome(deployment, new)
        if deployment.sha == live.sha:
            return Outcome(deployment, is_repeat=True)
        if graph.is_ancestor(place, live.place):
            taken_out = tuple(graph.between(place, live.place))
            return Outcome(deployment, is_rollback=True, taken_out=taken_out)
        # A commit elsewhere may be new, though the place that stands for it is not.
        is_known = deployment.sha == place or deployment.sha in self.shas
        return Outcome(deployment, is_restore=is_known)


def in_order(deployments: Iterable[Deployment], graph: Graph) -> list[Deployment]:
    """By `deployed_at`, then `created_at`; of equal instants an ancestor first, else by id."""
    ordered = sorted(deployments, key=lambda one: (one.deployed_at, one.created_at, one.id))
    groups = groupby(ordered, key=lambda one: (one.deployed_at, one.created_at))
    return [one for _, group in groups for one in _ancestors_first(list(group), graph)]


def _ancestors_first(group: list[Deployment], graph: Graph) -> Iterator[Deployment]:
    # An ancestor's generation is lower, so that this order is one of ancestors first.
    if len({one.place for one in group}) > 1 and _are_related(group, graph):
        group.sort(key=lambda one: (graph.generation(one.place or ""), one.id))
    yield from group


def _are_related(group: Sequence[Deployment], graph: Graph) -> bool:
    places = {one.place for one in group if one.place}
    return any(
        older != newer and graph.is_ancestor(older, newer) for older in places for newer in places
    )


@dataclass(frozen=True)
class PullRequest:
    """A merged pull request, as far as a failure depends on it.

    `reverts` is the number of the one that it reverts; a hotfix that reverts is a revert.
    """

    number: int
    merge_commit: str
    opened_at: datetime
    is_revert: bool = False
    is_hotfix: bool = False
    reverts: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why a deployment is held to have failed; a proxy, and called one.

    `cause` is rollback, revert or hotfix, `mended_by` the deployment that mended it, `evidence` the
    number of the pull request that reverts or mends, None for a rollback.
    """

    cause: str
    mended_by: str
    recovered_at: datetime
    evidence: int | None = None


_ORDER = {"rollback": 0, "revert": 1, "hotfix": 2}


def failures(
    outcomes: Sequence[Outcome], pull_requests: Iterable[PullRequest]
) -> dict[str, Failure]:
    """By the ids of those that failed: the first failure of each to be mended.

    `outcomes` are of one application, in order.
    """
    merged = list(pull_requests)
    bringer = _bringers(outcomes)
    found: dict[str, list[Failure]] = {}
    for id_, failure in (
        *_rolled_back(outcomes, bringer),
        *_reverted(outcomes, merged, bringer),
        *_mended(outcomes, merged, bringer),
    ):
        found.setdefault(id_, []).append(failure)
    return {id_: min(of_one, key=_first_mended) for id_, of_one in found.items()}


def _first_mended(failure: Failure) -> tuple[datetime, int, int]:
    return failure.recovered_at, _ORDER[failure.cause], failure.evidence or 0


def _bringers(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """By commit: the place in the order of the deployment that brought it."""
    return {sha: place for place, outcome in enumerate(outcomes) for sha in outcome.brought}


def _rolled_back(
    outcomes: Sequence[Outcome], bringer: Mapping[str, int]
) -> Iterator[tuple[str, Failure]]:
    for rollback in (outcome for outcome in outcomes if outcome.is_rollback):
        back = rollback.deployment
        places = {bringer[sha] for sha in rollback.taken_out if sha in bringer}
        earlier = (outcomes[place].deployment for place in sorted(places))
        failed = next((one for one in earlier if one.deployed_at < back.created_at), None)
        if failed:
            yield failed.id, Failure("rollback", back.id, back.deployed_at)


def _reverted(
    outcomes: Sequence[Outcome], merged: Iterable[PullRequest], bringer: Mapping[str, int]
) -> Iterator[tuple[str, Failure]]:
    merged = list(merged)
    by_number = {one.number: one for one in merged}
    for revert in (one for one in merged if one.reverts is not None):
        reverted = by_number.get(revert.reverts or 0)
        if reverted is None or reverted.is_revert:
            continue
        place, later = bringer.get(reverted.merge_commit), bringer.get(revert.merge_commit)
        if place is None or later is None or later <= place:
            continue
        failed, mending = outcomes[place].deployment, outcomes[later].deployment
        if mending.deployed_at - failed.deployed_at <= REVERTED_WITHIN:
            failure = Failure("revert", mending.id, mending.deployed_at, revert.number)
            yield failed.id, failure


def _mended(
    outcomes: Sequence[Outcome], merged: Iterable[PullRequest], bringer: Mapping[str, int]
) -> Iterator[tuple[str, Failure]]:
    counted = [outcome.deployment for outcome in outcomes if outcome.is_counted]
    for hotfix in (one for one in merged if one.is_hotfix and one.reverts is None):
        place = bringer.get(hotfix.merge_commit)
        before = bisect_left(counted, hotfix.opened_at, key=attrgetter("deployed_at"))
        if place is None or not before:
            continue
        failed, mending = counted[before - 1], outcomes[place].deployment
        if mending.deployed_at - failed.deployed_at <= MENDED_WITHIN:
            yield failed.id, Failure("hotfix", mending.id, mending.deployed_at, hotfix.number)
