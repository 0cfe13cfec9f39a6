"""One person's work: reviews given and received, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apps.metrics.figures import counting, masks, names, review_queries
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.review_queries import GHOST, Account
from apps.metrics.figures.rows import Below
from apps.metrics.filters.chosen import Filters
from apps.teams.models import Team


@dataclass(frozen=True)
class Exchange:
    """Reviews between a person and another: how many, and on how many pull requests."""

    account: Account
    login: str
    given: int = 0
    given_on: int = 0
    received: int = 0
    received_on: int = 0


@dataclass(frozen=True)
class Exchanges:
    """All of a period; `by_span` and `responses` are those given in its weeks or months."""

    others: Sequence[Exchange]
    given: int
    given_on: int
    received: int
    received_on: int
    by_span: Sequence[int]
    response: Spread
    responses: Sequence[Spread]

    @property
    def reviewers(self) -> int:
        """How many people reviewed them."""
        return sum(each.received > 0 for each in self.others)

    @property
    def authors(self) -> int:
        """How many people they reviewed."""
        return sum(each.given > 0 for each in self.others)


def exchanges(team: Team, filters: Filters, mine: Filters, account: int) -> Exchanges:
    """Reviews that count between a person and others; `mine` selects their own work."""
    given = review_queries.reviews(team, filters)
    given = given.keep(given["account"] == account)
    received = review_queries.reviews(team, mine)
    spans = filters.period.spans()
    places = counting.bins(given["submitted_at"], review_queries.boundaries(filters))
    return Exchanges(
        sorted(_others(team, given, received), key=lambda each: each.login.lower()),
        len(given),
        len(np.unique(given["pull_request_id"])),
        len(received),
        len(np.unique(received["pull_request_id"])),
        counting.counts(places, len(spans)),
        counting.spread(given["response_time"]),
        counting.spreads(given["response_time"], places, len(spans)),
    )


def _others(team: Team, given: Below, received: Below) -> list[Exchange]:
    """By the other person; those excluded by an admin are left out."""
    hidden = masks.hidden(team)
    given = given.keep(~np.isin(given.of_pull_request("author_id"), hidden))
    received = received.keep(~np.isin(received["reviewer_id"], hidden))
    to = _counted(given, given.of_pull_request("author_account"), "pull_request_id", names.authors)
    by = _counted(received, received["account"], "id", names.reviewers)
    none = _Count("", 0, 0)
    return [
        Exchange(
            review_queries.account(other),
            (by.get(other) or to[other]).login,
            *to.get(other, none)[1:],
            *by.get(other, none)[1:],
        )
        for other in {**to, **by}
    ]


class _Count(NamedTuple):
    login: str
    reviews: int
    pull_requests: int


def _counted(
    found: Below, others: Array, key: str, called: Callable[[Array], list[str | None]]
) -> dict[int, _Count]:
    """By the other account; `key` names rows that have its login."""
    groups, keys = counting.grouped(others)
    logins = called(counting.latest(groups, found[key], len(keys)))
    reviews = counting.counts(groups, len(keys))
    pull_requests = counting.distinct(found["pull_request_id"], groups, len(keys))
    return {
        other: _Count(logins[place] or GHOST, reviews[place], pull_requests[place])
        for place, (other,) in enumerate(keys)
    }
