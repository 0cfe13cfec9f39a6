"""A team's current arrays: the stored ones, and changes since.

Versions are read first and rows after, so the result is never older than what a page names: a row
stored in between is only read once more. Changes are merged on reading; the file is rewritten when
they exceed a fiftieth of it.
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

from apps import memory
from apps.chunks import chunks
from apps.metrics.figures import arrays, kept
from apps.metrics.figures.arrays import Array, Arrays
from apps.metrics.figures.kept import Kept
from apps.metrics.models import PRReview, PullRequest, Repository
from apps.teams.models import Team

KEPT_FROM = 5_000
"""Pull requests; fewer are quickly read from the database."""
MERGED, FEW = 0.02, 1_000
AT_ONCE = 100
"""Changed repositories in one query: SQLite allows a thousand conditions."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Current:
    """The stored arrays, which of their rows are still valid, and what was stored since."""

    kept: Kept
    is_current: Array
    revisions: Mapping[int, int]
    newer: Arrays | None = None

    @property
    def parts(self) -> list[tuple[Arrays, Array | None]]:
        """Arrays, and which of their rows are valid; None if all are."""
        first = (self.kept.arrays, self.is_current if self.newer is not None else None)
        return [first] if self.newer is None else [first, (self.newer, None)]

    @property
    def size(self) -> int:
        """Bytes, including shared ones of a mapped file."""
        return self.kept.arrays.size + (self.newer.size if self.newer else 0)

    @property
    def is_much_merged(self) -> bool:
        """Whether it is time to rewrite the file."""
        count = len(self.newer) if self.newer else 0
        return count > max(FEW, MERGED * len(self.kept.arrays))


_known: OrderedDict[int, Current] = OrderedDict()
_locks: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
_remembering = threading.Lock()
_answers: ContextVar[dict[Hashable, Any] | None] = ContextVar("answers", default=None)
Found = TypeVar("Found")


@contextmanager
def one_state() -> Iterator[None]:
    """Everything counted within it uses the same rows; a nested block uses the outer one's."""
    if _answers.get() is not None:
        yield
        return
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def once(question: Hashable, find: Callable[[], Found]) -> Found:
    """The result; within `one_state` the same for the same question."""
    answers = _answers.get()
    if answers is None:
        return find()
    if question not in answers:
        answers[question] = find()
    found: Found = answers[question]
    return found


def current(team: Team) -> Current:
    """A team's arrays, at least as new as what is stored at the call, or when `one_state` began."""
    return once(("current", team.pk), lambda: _current(team))


def _current(team: Team) -> Current:
    with _locks[team.pk]:
        rows = Repository.objects.for_team(team).filter(is_leaving=False).order_by()
        versions = list(rows.values_list("pk", "revision", "team__figures_key"))
        revisions = {pk: revision for pk, revision, _ in versions}
        key = versions[0][2] if versions else ""
        found = _known.get(team.pk)
        if found is None or not _follows(found.kept.key, found.revisions, key, revisions):
            found = _loaded(team, key, revisions)
            memory.release()
        if found.revisions != revisions:
            found = _caught_up(team, found, revisions)
        if found.is_much_merged:
            found = _rewritten(team, found)
            memory.release()
        _remember(team, found)
    return found


def forget(team_id: int) -> None:
    """Drops what is cached of a team, in memory and on disk."""
    _known.pop(team_id, None)
    kept.drop(team_id)


def _follows(key: str, before: Mapping[int, int], now: str, revisions: Mapping[int, int]) -> bool:
    """Whether the stored data succeeds the known; after a restored backup it may not."""
    return key == now and all(revisions.get(pk, -1) >= known for pk, known in before.items())


def _loaded(team: Team, key: str, revisions: Mapping[int, int]) -> Current:
    rows = PullRequest.objects.for_team(team).order_by("opened_at")
    if not rows[KEPT_FROM : KEPT_FROM + 1].exists():
        return _all_current(Kept(key, revisions, arrays.read(team)))
    with kept.alone(team.pk):
        found = kept.read(team.pk, key)
        if found and _follows(found.key, found.revisions, key, revisions):
            return _all_current(found)
        read = Kept(key, revisions, arrays.read(team, tell=_ProgressReport(team)))
        return _all_current(_keep(team, read))


class _ProgressReport:
    """Counts the rows read for a team, for users who wait for it."""

    def __init__(self, team: Team) -> None:
        self.team = team.pk
        self.counts = Counter[type[Model]]()
        self.total = PullRequest.objects.for_team(team).count()
        self(PullRequest, 0)

    def __call__(self, model: type[Model], count: int) -> None:
        self.counts[model] += count
        read = self.counts[PullRequest], self.counts[PRReview]
        kept.tell(self.team, kept.Progress(self.total, *read))


def is_ready(team: Team) -> bool:
    """Whether a team's figures can be counted without reading all of its pull requests."""
    found = _known.get(team.pk)
    is_known = found is not None and found.kept.key == team.figures_key
    return is_known or kept.is_there(team.pk, team.figures_key)


def progress(team: Team) -> kept.Progress | None:
    """How far the process that reads all of a team's pull requests has come; None if none does."""
    return None if is_ready(team) else kept.progress(team.pk)


def _rewritten(team: Team, found: Current) -> Current:
    """The arrays with all changes merged, for this process and later ones."""
    with kept.alone(team.pk):
        newer = kept.read(team.pk, found.kept.key)
        if newer is None or newer.revisions == found.kept.revisions:
            return _all_current(_keep(team, _joined(found)))
        # Another process was first.
        return _caught_up(team, _all_current(newer), found.revisions)


def _all_current(found: Kept) -> Current:
    return Current(found, np.ones(len(found.arrays), bool), found.revisions)


def _keep(team: Team, found: Kept) -> Kept:
    """Mapped from a file if it is worth one and there is room."""
    if len(found.arrays) < KEPT_FROM:
        return found
    try:
        kept.write(team.pk, found)
    except OSError as error:
        log.warning("The figures' arrays cannot be kept: %s.", error)
        return found
    return kept.read(team.pk, found.key) or found


def _joined(found: Current) -> Kept:
    rows = found.kept.arrays.without(~found.is_current)
    if found.newer is not None:
        rows = arrays.joined([rows, found.newer]).in_order()
    return Kept(found.kept.key, found.revisions, rows)


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
    parts = [arrays.read(team, reduce(operator.or_, some)) for some in chunks(newer, AT_ONCE)]
    return _merged(found, arrays.joined(parts).in_order(), revisions)


def _merged(found: Current, came: Arrays, revisions: Mapping[int, int]) -> Current:
    new = came.pull_requests["id"]
    is_current = found.is_current & ~np.isin(found.kept.arrays.pull_requests["id"], new)
    if found.newer is not None:
        again = np.isin(found.newer.pull_requests["id"], new)
        came = arrays.joined([found.newer.without(again), came]).in_order()
    return Current(found.kept, is_current, revisions, came)


def _remember(team: Team, found: Current) -> None:
    with _remembering:
        _known[team.pk] = found
        _known.move_to_end(team.pk)
        sizes = [each.size for each in _known.values()]
        while len(sizes) > 1 and sum(sizes) > settings.FIGURES_MEMORY:
            _known.popitem(last=False)
            del sizes[0]
