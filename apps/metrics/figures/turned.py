"""When pull requests were under way that were reopened or became drafts again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import KINDS, NONE
from apps.metrics.figures.rows import Rows
from apps.metrics.models import TimelineEvent

READY, DRAFT, REOPENED, CLOSED, MERGED = (
    KINDS.index(kind)
    for kind in (
        TimelineEvent.Kind.READY_FOR_REVIEW,
        TimelineEvent.Kind.CONVERT_TO_DRAFT,
        TimelineEvent.Kind.REOPENED,
        TimelineEvent.Kind.CLOSED,
        TimelineEvent.Kind.MERGED,
    )
)


@dataclass(frozen=True)
class Spans:
    """From when to when (null where it lasts) some were open and no drafts; a number for each.

    `turned` says of each of the rows whether its spans are here: of most it is plain without.
    """

    begins: Array
    ends: Array
    numbers: Array
    turned: Array


def spans(rows: Rows) -> Spans:
    """Of those among the rows that went to and fro."""
    events = rows.below("turned")
    order = np.lexsort((events["id"], events["at"], events.pull_requests))
    numbers, at = events.pull_requests[order], events["at"][order]
    is_first = np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]
    opened_at = events.of_pull_request("opened_at")[order]
    was_ready = (events.of_pull_request("ready_at")[order] == opened_at).astype(bool)
    lasts = _under_way(events["kind"][order], is_first, was_ready)
    lasted = np.where(is_first, was_ready, np.concatenate([[False], lasts[:-1]])[: len(lasts)])
    at_once = np.flatnonzero(is_first & was_ready)
    begun, ended = np.flatnonzero(lasts & ~lasted), np.flatnonzero(lasted & ~lasts)
    # Of the same event, what began at the opening comes before what the event begins or ends.
    places = np.concatenate([2 * at_once, 2 * begun + 1])
    in_order = np.argsort(places)
    of_begins = places[in_order] // 2
    begins = np.concatenate([opened_at[at_once], at[begun]])[in_order]
    ends = _next(ended, places[in_order], numbers, at)
    is_turned = np.isin(rows.numbers, np.unique(numbers))
    return Spans(begins, ends, numbers[of_begins], is_turned)


def _under_way(kinds: Array, is_first: Array, was_ready: Array) -> Array:
    """Whether each was open and no draft after each of its events."""
    is_ready = _latest(kinds, (READY, DRAFT), is_first)
    is_open = _latest(kinds, (REOPENED, CLOSED, MERGED), is_first)
    ready = np.where(is_ready == -1, was_ready, is_ready == READY)
    return np.asarray(ready & ((is_open == -1) | (is_open == REOPENED)))


def _latest(kinds: Array, of: tuple[int, ...], is_first: Array) -> Array:
    """The latest of some kinds among the events of each until then; -1 before there is any."""
    places = np.arange(len(kinds))
    latest = np.maximum.accumulate(np.where(np.isin(kinds, of), places, -1))
    begins = np.maximum.accumulate(np.where(is_first, places, 0))
    return np.where(latest >= begins, kinds[latest], -1) if len(kinds) else kinds


def _next(ended: Array, places: Array, numbers: Array, at: Array) -> Array:
    """The end that follows each beginning, of the same pull request; null where none does."""
    if not len(ended):
        return np.full(len(places), NONE, np.int64)
    following = np.searchsorted(2 * ended + 1, places)
    end = ended[np.minimum(following, len(ended) - 1)]
    is_its = (following < len(ended)) & (numbers[end] == numbers[places // 2])
    return np.where(is_its, at[end], NONE)
