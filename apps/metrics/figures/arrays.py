"""The arrays of a team's pull requests, and of their children."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from apps.chunks import chunks
from apps.metrics.figures import packed
from apps.metrics.figures.columns import (
    AI_REVIEWS,
    KINDS,
    NONE,
    PULL_REQUESTS,
    REVIEWS,
    STATES,
    TURNED,
    TURNS,
    Column,
)
from apps.metrics.figures.leaving import leaving
from apps.metrics.models import PRReview, PullRequest, TimelineEvent
from apps.teams.models import Team

Array = NDArray[Any]
Table = Mapping[str, Array]
CHUNK = 10_000
LAST_MERGES = 5
ROW = "row"
"""In a table of children: the position of each row's pull request."""
LABELS = ("labels", "label")
IN_ORDER = {
    "pull_requests": "merged_at",
    "reviews": "submitted_at",
    "ai_reviews": "submitted_at",
    "turned": "at",
}
"""The timestamp that each table is sorted by, so that a period is a slice of it."""
BELOW = ("reviews", "ai_reviews", "turned")
COLUMNS: Mapping[str, Mapping[str, np.dtype[Any]]] = {
    "pull_requests": {column.name: column.type for column in PULL_REQUESTS},
    "reviews": {column.name: column.type for column in REVIEWS} | {ROW: np.dtype(np.int32)},
    "ai_reviews": {column.name: column.type for column in AI_REVIEWS} | {ROW: np.dtype(np.int32)},
    "turned": {column.name: column.type for column in TURNED} | {ROW: np.dtype(np.int32)},
    # Which labels each list of labels contains, by the codes of both.
    "labels": dict.fromkeys(LABELS, np.dtype(np.int64)),
}


@dataclass(frozen=True)
class Arrays:
    """Each table in order of its timestamp; children have the positions of their pull requests."""

    pull_requests: Table
    reviews: Table
    ai_reviews: Table
    turned: Table
    labels: Table

    def __len__(self) -> int:
        return len(self.pull_requests["id"])

    @property
    def tables(self) -> dict[str, Table]:
        """All of them by name."""
        return {name: getattr(self, name) for name in COLUMNS}

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(array.nbytes for table in self.tables.values() for array in table.values())

    @cached_property
    def openings(self) -> Array:
        """The position of each repository's first pull request that its settings do not exclude."""
        repositories, opened_at = (self.pull_requests[n] for n in ("repository_id", "opened_at"))
        places = np.flatnonzero(self.pull_requests["is_excluded"] == 0)
        places = places[np.lexsort((opened_at[places], repositories[places]))]
        return places[np.unique(repositories[places], return_index=True)[1]]

    @cached_property
    def last_merges(self) -> Array:
        """The positions of the last few pull requests merged in each repository."""
        repositories, state = (self.pull_requests[name] for name in ("repository_id", "state"))
        places = np.flatnonzero(state == STATES.index(PullRequest.State.MERGED))
        # They are in order of their merging.
        places = places[np.argsort(repositories[places], kind="stable")]
        own = repositories[places]
        is_last = np.ones(len(places), bool)
        is_last[:-LAST_MERGES] = own[LAST_MERGES:] != own[:-LAST_MERGES]
        return places[is_last]

    def without(self, dropped: Array) -> Arrays:
        """The same without some rows; `dropped` has a flag for each row."""
        return self._at(np.flatnonzero(~dropped))

    def in_order(self) -> Arrays:
        """The same with each table in order of its timestamp, then key."""
        found = self._at(_order("pull_requests", self.pull_requests))
        below = {name: getattr(found, name) for name in BELOW}
        ordered = {name: taken(table, _order(name, table)) for name, table in below.items()}
        return replace(found, **ordered)

    def _at(self, places: Array) -> Arrays:
        """The rows at these positions, in this order, with their children."""
        to = np.full(len(self), -1, np.int32)
        to[places] = np.arange(len(places), dtype=np.int32)
        below = {name: _moved(getattr(self, name), to) for name in BELOW}
        return replace(self, pull_requests=taken(self.pull_requests, places), **below)


def _order(name: str, table: Table) -> Array:
    return np.lexsort((table["id"], table[IN_ORDER[name]]))


def _moved(table: Table, to: Array) -> dict[str, Array]:
    found = taken(table, to[table[ROW]] >= 0)
    return {**found, ROW: to[found[ROW]]}


def joined(several: Sequence[Arrays]) -> Arrays:
    """All of them as one."""
    begins = np.cumsum([0, *map(len, several)])
    tables = {}
    for table, columns in COLUMNS.items():
        parts = [each.tables[table] for each in several]
        tables[table] = {name: np.concatenate([part[name] for part in parts]) for name in columns}
        if ROW in columns:
            moved = [part[ROW] + begin for part, begin in zip(parts, begins, strict=False)]
            tables[table][ROW] = np.concatenate(moved).astype(np.int32)
    return Arrays(**tables)


def taken(table: Table, chosen: Array) -> dict[str, Array]:
    """Some rows of a table."""
    return {name: array[chosen] for name, array in table.items()}


def code(text: str | None) -> int:
    """The number that stands for a text in the arrays."""
    if text is None:
        return NONE
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


Tell = Callable[[type[Model], int], object]
"""Called with a table and the number of rows read from it."""


def read(team: Team, chosen: Q | None = None, tell: Tell = lambda *_: None) -> Arrays:
    """All of a team's pull requests, or those that match a condition, from the database."""
    mine = Q(team=team)
    rows = mine & chosen if chosen else mine
    if doomed := leaving(team):
        rows &= ~doomed
    texts: dict[str | None, int] = {}
    pull_requests = _read(PullRequest, PULL_REQUESTS, rows, texts, tell)
    ids = pull_requests["id"]
    within = None if chosen is None else ids
    return Arrays(
        pull_requests,
        _below(PRReview, REVIEWS, mine & Q(is_qualifying=True), within, ids, tell),
        _below(PRReview, AI_REVIEWS, mine & Q(is_ai=True), within, ids),
        _below(TimelineEvent, TURNED, mine & Q(kind__in=KINDS), within, ids, tell),
        _labels(texts),
    ).in_order()


def _batches(keys: Array | None) -> Iterator[Q]:
    """Conditions on children, each small enough for any database."""
    if keys is None:
        yield Q()
        return
    for some in chunks(keys.tolist()):
        yield Q(pull_request__in=some)


def _below(
    model: type[Model],
    columns: tuple[Column, ...],
    which: Q,
    within: Array | None,
    ids: Array,
    tell: Tell = lambda *_: None,
) -> dict[str, Array]:
    """Children of pull requests with these keys; those of newer pull requests are left out."""
    parts = [
        _read(model, columns, _turned(model, which, some), {}, tell) for some in _batches(within)
    ]
    found = {
        each.name: _one_below_the_other(each, [p[each.name] for p in parts]) for each in columns
    }
    places = np.searchsorted(ids, found["pull_request_id"])
    places[places == len(ids)] = 0
    known = ids[places] == found["pull_request_id"] if len(ids) else np.zeros(len(places), bool)
    return {**taken(found, known), ROW: places[known].astype(np.int32)}


def _turned(model: type[Model], which: Q, some: Q) -> Q:
    """Only the events of pull requests that were reopened or redrafted, which are few."""
    if model is not TimelineEvent:
        return which & some
    turns = TimelineEvent.objects.filter(which, some, kind__in=TURNS).order_by()
    return which & some & Q(pull_request__in=turns.values("pull_request"))


@cache
def _wide(model: type[Model], columns: tuple[Column, ...]) -> QuerySet[Any]:
    """All rows with the columns and their key last; building it takes long."""
    sources = {
        f"column_{place}": Cast(column.source, TextField()) if column.is_text else column.source
        for place, column in enumerate(columns)
    }
    rows = model._default_manager.annotate(**sources)
    listed: QuerySet[Any] = rows.order_by("pk").values_list(*sources, "pk")
    return listed


def _read(
    model: type[Model],
    columns: tuple[Column, ...],
    which: Q,
    texts: dict[str | None, int],
    tell: Tell,
) -> dict[str, Array]:
    """The columns in order of the keys; `texts` collects each text and its code."""
    found = _wide(model, columns).filter(which)
    chunks = packed.chunks if connection.vendor == "postgresql" else _chunks
    parts: list[list[Array]] = [[] for _ in columns]
    for chunk in chunks(found, columns):
        for part, column, values in zip(parts, columns, chunk, strict=True):
            coded = _codes(values, texts) if column.is_text else values
            part.append(np.asarray(coded, column.type))
        tell(model, len(parts[0][-1]))
    return {
        column.name: _one_below_the_other(column, part)
        for column, part in zip(columns, parts, strict=True)
    }


def _chunks(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[list[Any]]:
    """The columns of some rows after the other; the last column is the key."""
    some = list(rows[:CHUNK])
    while some:
        *values, keys = zip(*some, strict=True)
        yield values
        some = list(rows.filter(pk__gt=keys[-1])[:CHUNK]) if len(some) == CHUNK else []


def _one_below_the_other(column: Column, parts: Sequence[Array]) -> Array:
    return np.concatenate([np.empty(0, column.type), *parts])


def _codes(found: Sequence[str | None], texts: dict[str | None, int]) -> list[int]:
    for text in set(found) - texts.keys():
        texts[text] = code(text)
    return [texts[text] for text in found]


def _labels(texts: Mapping[str | None, int]) -> dict[str, Array]:
    """The texts that are lists of labels, and each one's labels."""
    pairs = [
        (number, code(label))
        for text, number in texts.items()
        if text and text.startswith("[")
        for label in _list(text)
    ]
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return {name: found[:, place].copy() for place, name in enumerate(LABELS)}


def _list(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError:  # A branch may have such a name.
        return []
    return [label for label in found if isinstance(label, str)] if isinstance(found, list) else []
