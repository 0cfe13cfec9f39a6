"""A team's arrays as they are now: those that are kept, and what was stored since.

Versions are asked for first and rows after, so that what is found is never older than what a page
names: a row that was stored in between is only read once more. What changed is merged at reading;
the file is written anew where that is more than a fiftieth of it.
"""

from __future__ import annotations

import logging
import operator
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from django.conf import settings
from django.db.models import Model, Q

from apps.metrics.figures import arrays, kept
from apps.metrics.figures.arrays import Array, Arrays
from apps.metrics.figures.kept import Kept
from apps.metrics.models import PRReview, PullRequest, Repository
from apps.teams.models import Team

KEPT_FROM = 5_000
"""Pull requests; fewer are read from the database in no time."""
MERGED, FEW = 0.02, 1_000
AT_ONCE = 100
"""Repositories that changed, in one query: SQLite bears a thousand conditions."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Current:
    """What is kept, which of its rows still stand, and what was stored since."""

    kept: Kept
    stands: Array
    revisions: Mapping[int, int]
    since: Arrays | None = None

    @property
    def parts(self) -> list[tuple[Arrays, Array | None]]:
        """Arrays, and which of their rows stand; None where all do."""
        first = (self.kept.arrays, self.stands if self.since is not None else None)
        return [first] if self.since is None else [first, (self.since, None)]

    @property
    def size(self) -> int:
        """Bytes, of which those of a file are shared."""
        return self.kept.arrays.size + (self.since.size if self.since else 0)

    @property
    def is_much_merged(self) -> bool:
        """Whether it is time to keep it anew."""
        count = len(self.since) if self.since else 0
        return count > max(FEW, MERGED * len(self.kept.arrays))


_known: OrderedDict[int, Current] = OrderedDict()
_locks: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
_remembering = threading.Lock()
_answers: ContextVar[dict[Hashable, Any] | None] = ContextVar("answers", default=None)
Found = TypeVar("Found")


@contextmanager
def one_state() -> Iterator[None]:
    """Whatever is counted within is counted on the same rows; within another, on those of it."""
    if _answers.get() is not None:
        yield
        return
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def once(question: Hashable, find: Callable[[], Found]) -> Found:
    """What is found; within `one_state` the same for the same question."""
    answers = _answers.get()
    if answers is None:
        return find()
    if question not in answers:
        answers[question] = find()
    found: Found = answers[question]
    return found


def current(team: Team) -> Current:
    """Of a team, at least as new as what is stored when it is called, or `one_state` begins."""
    return once(("current", team.pk), lambda: _current(team))


def _current(team: Team) -> Current:
    with _locks[team.pk]:
        rows = Repository.objects.for_team(team).filter(is_leaving=False).order_by()
        versions = list(rows.values_list("pk", "revision", "team__figures_key"))
        revisions = {pk: revision for pk, revision, _ in versions}
        key = versions[0][2] if versions else ""
        found = _known.get(team.pk)
        if found is None or not _follows(found.kept.key, found.revisions, key, revisions):
            found = _begun(team, key, revisions)
        if found.revisions != revisions:
            found = _caught_up(team, found, revisions)
        if found.is_much_merged:
            found = _anew(team, found)
        _remember(team, found)
    return found


def forget(team_id: int) -> None:
    """Lets go what is kept of a team, here and on disk."""
    _known.pop(team_id, None)
    kept.drop(team_id)


def _follows(key: str, before: Mapping[int, int], now: str, revisions: Mapping[int, int]) -> bool:
    """Whether what is stored now came after what is known; after a restored backup it may not."""
    return key == now and all(revisions.get(pk, -1) >= known for pk, known in before.items())


def _begun(team: Team, key: str, revisions: Mapping[int, int]) -> Current:
    rows = PullRequest.objects.for_team(team).order_by("opened_at")
    if not rows[KEPT_FROM : KEPT_FROM + 1].exists():
        return _whole(Kept(key, revisions, arrays.read(team)))
    with kept.alone(team.pk):
        found = kept.read(team.pk, key)
        if found and _follows(found.key, found.revisions, key, revisions):
            return _whole(found)
        whole = arrays.read(team, tell=_Told(team))
        return _whole(_keep(team, Kept(key, revisions, whole)))


class _Told:
    """Counts what is read of a team, for those who wait for it."""

    def __init__(self, team: Team) -> None:
        self.team = team.pk
        self.counts = Counter[type[Model]]()
        self.whole = PullRequest.objects.for_team(team).count()
        self(PullRequest, 0)

    def __call__(self, model: type[Model], count: int) -> None:
        self.counts[model] += count
        read = self.counts[PullRequest], self.counts[PRReview]
        kept.tell(self.team, kept.Progress(self.whole, *read))


def is_ready(team: Team) -> bool:
    """Whether a team's figures can be counted without reading all of its pull requests."""
    found = _known.get(team.pk)
    is_known = found is not None and found.kept.key == team.figures_key
    return is_known or kept.is_there(team.pk, team.figures_key)


def progress(team: Team) -> kept.Progress | None:
    """How far whoever reads all of a team's pull requests has come; None where nobody does."""
    return None if is_ready(team) else kept.progress(team.pk)


def _anew(team: Team, found: Current) -> Current:
    """With all that was merged, for this process and those to come."""
    with kept.alone(team.pk):
        newer = kept.read(team.pk, found.kept.key)
        if newer is None or newer.revisions == found.kept.revisions:
            return _whole(_keep(team, _as_one(found)))
        # Another process was first.
        return _caught_up(team, _whole(newer), found.revisions)


def _whole(found: Kept) -> Current:
    return Current(found, np.ones(len(found.arrays), bool), found.revisions)


def _keep(team: Team, found: Kept) -> Kept:
    """Mapped from a file where it is worth one, and where there is room."""
    if len(found.arrays) < KEPT_FROM:
        return found
    try:
        kept.write(team.pk, found)
    except OSError as error:
        log.warning("The figures' arrays cannot be kept: %s.", error)
        return found
    return kept.read(team.pk, found.key) or found


def _as_one(found: Current) -> Kept:
    stand = found.kept.arrays.without(~found.stands)
    whole = stand if found.since is None else arrays.joined([stand, found.since]).in_order()
    return Kept(found.kept.key, found.revisions, whole)


def _caught_up(team: Team, found: Current, revisions: Mapping[int, int]) -> Current:
    """With what was stored since."""
    moved = [
        (pk, known)
        for pk, revision in revisions.items()
        if revision != (known := found.revisions.get(pk, -1))
    ]
    if not moved:
        return found
    newer = [Q(repository=pk, stored_revision__gt=known) for pk, known in moved]
    parts = [
        arrays.read(team, reduce(operator.or_, newer[begin : begin + AT_ONCE]))
        for begin in range(0, len(newer), AT_ONCE)
    ]
    return _merged(found, arrays.joined(parts).in_order(), revisions)


def _merged(found: Current, came: Arrays, revisions: Mapping[int, int]) -> Current:
    new = came.pull_requests["id"]
    stands = found.stands & ~np.isin(found.kept.arrays.pull_requests["id"], new)
    if found.since is not None:
        again = np.isin(found.since.pull_requests["id"], new)
        came = arrays.joined([found.since.without(again), came]).in_order()
    return Current(found.kept, stands, revisions, came)


def _remember(team: Team, found: Current) -> None:
    with _remembering:
        _known[team.pk] = found
        _known.move_to_end(team.pk)
        sizes = [each.size for each in _known.values()]
        while len(sizes) > 1 and sum(sizes) > settings.FIGURES_MEMORY:
            _known.popitem(last=False)
            del sizes[0]
