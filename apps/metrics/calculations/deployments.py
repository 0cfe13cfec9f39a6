"""What each deployment brought, by ancestry, and which of them failed: METRICS, *Until production*.

A deployment brings the commits that the application did not have before. Pure. An application is
followed deployment by deployment, so a new one costs only the commits that it brings.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from apps.metrics.calculations import globs
from apps.metrics.calculations.ancestry import Graph

REVERTED_WITHIN = timedelta(days=7)
MENDED_WITHIN = timedelta(hours=48)


@dataclass(frozen=True)
class Deployment:
    """A successful deployment.

    `place` is where its commit lies on the default branch: the commit itself, else its merge base;
    None if unknown.
    """

    id: str
    sha: str
    place: str | None
    created_at: datetime
    deployed_at: datetime


@dataclass(frozen=True)
class Outcome:
    """The effect of a deployment; `brought` and `taken_out` are commits of the default branch."""

    deployment: Deployment
    brought: tuple[str, ...] = ()
    is_repeat: bool = False
    is_rollback: bool = False
    is_restore: bool = False
    taken_out: tuple[str, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether it counts in the deployment frequency."""
        return not (self.is_repeat or self.is_rollback or self.is_restore)

    @property
    def is_judged(self) -> bool:
        """Whether it may have failed: one that cannot be placed only counts in the frequency."""
        return self.is_counted and self.deployment.place is not None


@dataclass
class Application:
    """What is live in an application, and everything that was ever deployed.

    `goes_back` is False for releases: publishing an older line later is no rollback.
    """

    goes_back: bool = True
    live: Deployment | None = None
    brought: set[str] = field(default_factory=set)
    """Commits of the default branch, each with all of its ancestors."""
    shas: set[str] = field(default_factory=set)
    """Commits as deployed, including those that are not on the default branch."""

    def deploy(self, deployment: Deployment, graph: Graph) -> Outcome:
        """The effect of the next deployment; they come in the order of `in_order`.

        One that cannot be placed counts, and leaves what is live unchanged.
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
            return Outcome(deployment)  # What preceded the first one is unknown.
        if new or not self.goes_back:
            return Outcome(deployment, new)
        if deployment.sha == live.sha:
            return Outcome(deployment, is_repeat=True)
        if graph.is_ancestor(place, live.place):
            taken_out = tuple(graph.between(place, live.place))
            return Outcome(deployment, is_rollback=True, taken_out=taken_out)
        # A commit off the branch may be new although its merge base is not.
        is_known = deployment.sha == place or deployment.sha in self.shas
        return Outcome(deployment, is_restore=is_known)


def in_order(deployments: Iterable[Deployment], graph: Graph) -> list[Deployment]:
    """By `deployed_at`, then `created_at`; for equal times an ancestor first, else by id."""
    ordered = sorted(deployments, key=lambda one: (one.deployed_at, one.created_at, one.id))
    groups = groupby(ordered, key=lambda one: (one.deployed_at, one.created_at))
    return [one for _, group in groups for one in _ancestors_first(list(group), graph)]


def _ancestors_first(group: list[Deployment], graph: Graph) -> Iterator[Deployment]:
    # An ancestor's generation is lower, so this order puts ancestors first.
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
    """A merged pull request, as far as failures depend on it.

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
    """Why a deployment counts as failed; a proxy, and labelled as one.

    `cause` is rollback, revert or hotfix, `mended_by` the deployment that fixed it, `evidence` the
    number of the reverting or fixing pull request, None for a rollback.
    """

    cause: str
    mended_by: str
    recovered_at: datetime
    evidence: int | None = None


_ORDER = {"rollback": 0, "revert": 1, "hotfix": 2}


@dataclass(frozen=True)
class Live:
    """A deployment that was live, as far as failures depend on it."""

    id: str
    created_at: datetime
    deployed_at: datetime
    is_judged: bool = True


@dataclass(frozen=True)
class History:
    """What was live in an application, in order, and which deployment brought which commit.

    `taken_back` has, for each rollback, the earliest deployment that brought what it removed.
    """

    order: Sequence[Live]
    bringer: Mapping[str, int]
    taken_back: Sequence[tuple[int, int]] = ()


def failures(
    outcomes: Sequence[Outcome], pull_requests: Iterable[PullRequest]
) -> dict[str, Failure]:
    """By the ids of failed deployments: the first failure of each to be fixed.

    `outcomes` are of one application, in order.
    """
    bringer = {sha: place for place, outcome in enumerate(outcomes) for sha in outcome.brought}
    order = [_live(outcome) for outcome in outcomes]
    back = [
        (place, earliest)
        for place, outcome in enumerate(outcomes)
        if (earliest := blamed(order, place, (bringer.get(sha) for sha in outcome.taken_out)))
        is not None
    ]
    return failures_of(History(order, bringer, back), pull_requests)


def _live(outcome: Outcome) -> Live:
    one = outcome.deployment
    return Live(one.id, one.created_at, one.deployed_at, outcome.is_judged)


def blamed(order: Sequence[Live], rollback: int, bringers: Iterable[int | None]) -> int | None:
    """Of the deployments whose commits a rollback removed, the earliest that was live before it."""
    places = sorted({place for place in bringers if place is not None})
    began = order[rollback].created_at
    return next((place for place in places if order[place].deployed_at < began), None)


def failures_of(history: History, pull_requests: Iterable[PullRequest]) -> dict[str, Failure]:
    """The same from a known history."""
    merged = list(pull_requests)
    found: dict[str, list[Failure]] = {}
    for id_, failure in (
        *_rolled_back(history),
        *_reverted(history, merged),
        *_mended(history, merged),
    ):
        found.setdefault(id_, []).append(failure)
    return {id_: min(of_one, key=_first_mended) for id_, of_one in found.items()}


def _first_mended(failure: Failure) -> tuple[datetime, int, int]:
    return failure.recovered_at, _ORDER[failure.cause], failure.evidence or 0


def _rolled_back(history: History) -> Iterator[tuple[str, Failure]]:
    for rollback, failed in history.taken_back:
        back = history.order[rollback]
        yield history.order[failed].id, Failure("rollback", back.id, back.deployed_at)


def _reverted(history: History, merged: Sequence[PullRequest]) -> Iterator[tuple[str, Failure]]:
    by_number = {one.number: one for one in merged}
    for revert in (one for one in merged if one.reverts is not None):
        reverted = by_number.get(revert.reverts or 0)
        if reverted is None or reverted.is_revert:
            continue
        place = history.bringer.get(reverted.merge_commit)
        later = history.bringer.get(revert.merge_commit)
        if place is None or later is None or later <= place:
            continue
        failed, mending = history.order[place], history.order[later]
        if mending.deployed_at - failed.deployed_at <= REVERTED_WITHIN:
            failure = Failure("revert", mending.id, mending.deployed_at, revert.number)
            yield failed.id, failure


def _mended(history: History, merged: Sequence[PullRequest]) -> Iterator[tuple[str, Failure]]:
    judged = [one for one in history.order if one.is_judged]
    for hotfix in (one for one in merged if one.is_hotfix and one.reverts is None):
        place = history.bringer.get(hotfix.merge_commit)
        before = bisect_left(judged, hotfix.opened_at, key=attrgetter("deployed_at"))
        if place is None or not before:
            continue
        failed, mending = judged[before - 1], history.order[place]
        if mending.deployed_at - failed.deployed_at <= MENDED_WITHIN:
            yield failed.id, Failure("hotfix", mending.id, mending.deployed_at, hotfix.number)


_WORDS = re.compile(r"[^\W_]+")
_PRODUCTION = frozenset({"production", "prod", "prd", "live"})
_NOT_YET = frozenset(
    {"pre", "non", "not", "no", "staging", "stage", "test", "dev", "sandbox", "preview"}
)


def is_production(environment: str, patterns: Iterable[str] = ()) -> bool:
    """Whether an environment is production, by its name or by the team's own patterns."""
    words = set(_WORDS.findall(environment.casefold()))
    by_name = bool(words & _PRODUCTION) and not words & _NOT_YET
    return by_name or any(globs.fits(pattern, environment) for pattern in patterns)
