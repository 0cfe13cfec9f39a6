"""When pull requests that were reopened or redrafted were in progress."""

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
    """The spans in which some were open and ready, with a null end if ongoing; a number for each.

    `turned` tells for each row whether its spans are here; for most rows they follow from the row.
    """

    begins: Array
    ends: Array
    numbers: Array
    turned: Array


def spans(rows: Rows) -> Spans:
    """For those rows that were reopened or redrafted."""
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
    # At the same event, a span from the opening comes before one that the event begins or ends.
    places = np.concatenate([2 * at_once, 2 * begun + 1])
    in_order = np.argsort(places)
    of_begins = places[in_order] // 2
    begins = np.concatenate([opened_at[at_once], at[begun]])[in_order]
    ends = _next(ended, places[in_order], numbers, at)
    is_turned = np.isin(rows.numbers, np.unique(numbers))
    return Spans(begins, ends, numbers[of_begins], is_turned)


def _under_way(kinds: Array, is_first: Array, was_ready: Array) -> Array:
    """Whether each was open and ready after each of its events."""
    is_ready = _latest(kinds, (READY, DRAFT), is_first)
    is_open = _latest(kinds, (REOPENED, CLOSED, MERGED), is_first)
    ready = np.where(is_ready == -1, was_ready, is_ready == READY)
    return np.asarray(ready & ((is_open == -1) | (is_open == REOPENED)))


def _latest(kinds: Array, of: tuple[int, ...], is_first: Array) -> Array:
    """The latest of some kinds among each one's events up to then; -1 before any."""
    places = np.arange(len(kinds))
    latest = np.maximum.accumulate(np.where(np.isin(kinds, of), places, -1))
    begins = np.maximum.accumulate(np.where(is_first, places, 0))
    return np.where(latest >= begins, kinds[latest], -1) if len(kinds) else kinds


def _next(ended: Array, places: Array, numbers: Array, at: Array) -> Array:
    """The next end after each beginning, for the same pull request; null if there is none."""
    if not len(ended):
        return np.full(len(places), NONE, np.int64)
    following = np.searchsorted(2 * ended + 1, places)
    end = ended[np.minimum(following, len(ended) - 1)]
    is_its = (following < len(ended)) & (numbers[end] == numbers[places // 2])
    return np.where(is_its, at[end], NONE)
