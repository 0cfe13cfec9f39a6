"""Aggregates over reviews that count: who reviews whom, how much, and how soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apps.metrics.figures import counting, masks, names
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE, REVIEW_STATES
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.current import once
from apps.metrics.figures.rows import Below
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import PRReview
from apps.teams.models import Team

GHOST = "deleted accounts"
HIDDEN = -1  # no account of GitHub's: people excluded by an admin
SWITCHED_OFF = "switched off"
Account = int | None


class Pair(NamedTuple):
    """One person's reviews of another's work in a period: a company has thousands of pairs."""

    reviewer: Account
    reviewer_login: str
    author: Account
    author_login: str
    reviews: int
    pull_requests: int
    approvals: int
    changes_requested: int


@dataclass(frozen=True)
class Load:
    """The reviews that a person gave; `response` in seconds."""

    account: Account
    login: str
    reviews: int
    pull_requests: int
    approvals: int
    changes_requested: int
    share: float
    response: Spread


def reviews(team: Team, filters: Filters) -> Below:
    """Those that count, submitted in the filters' period, on matching pull requests."""
    return once(
        ("reviews", team.pk, str(filters)),
        lambda: masks.pull_requests(team, filters).below("reviews", *masks.ends(filters.period)),
    )


def seen(team: Team, filters: Filters) -> Below:
    """The same without those by people excluded by an admin."""
    return once(("seen reviews", team.pk, str(filters)), lambda: _seen(team, filters))


def _seen(team: Team, filters: Filters) -> Below:
    return of_seen(reviews(team, filters), team)


def of_seen(found: Below, team: Team) -> Below:
    """The same for given reviews."""
    hidden = masks.hidden(team)
    return found.keep(~np.isin(found["reviewer_id"], hidden)) if hidden else found


@dataclass(frozen=True)
class _Side:
    """The reviewers, or the authors, of some reviews: `places` has each review's position."""

    accounts: Array
    places: Array
    names: Sequence[str]

    @classmethod
    def of(
        cls,
        different: tuple[Array, Array],
        keys: Array,
        names_of: Callable[[Array], list[str | None]],
    ) -> _Side:
        """Names come from the latest of their rows, which have these keys."""
        kinds, places = different
        names = names_of(counting.latest(places, keys, len(kinds)))
        special = {HIDDEN: SWITCHED_OFF, NONE: GHOST}
        pairs = zip(kinds.tolist(), names, strict=True)
        return cls(kinds, places, [special.get(kind) or name or GHOST for kind, name in pairs])

    def busiest(self, most: int) -> list[int]:
        """The positions of those with the most reviews, by name; ties are broken by name, too."""
        counts = counting.counts(self.places, len(self.accounts))
        by_name = sorted(range(len(counts)), key=lambda place: self.names[place].lower())
        busiest = set(sorted(by_name, key=lambda place: -counts[place])[:most])
        return [place for place in by_name if place in busiest]

    def at(self, places: Sequence[int]) -> list[tuple[Account, str]]:
        """Their accounts and names."""
        return [(account(int(self.accounts[place])), self.names[place]) for place in places]

    def has(self, places: Sequence[int]) -> Array:
        """Which reviews are theirs."""
        mask = np.zeros(len(self.accounts), bool)
        mask[list(places)] = True
        return mask[self.places]


def _sides(team: Team, filters: Filters) -> tuple[_Side, _Side]:
    found, hidden = seen(team, filters), masks.hidden(team)
    authors = found.of_pull_request("author_account")
    if hidden:
        is_hidden = np.isin(found.of_pull_request("author_id"), hidden)
        authors = np.where(is_hidden, HIDDEN, authors)
    of_authors = counting.different(authors), found["pull_request_id"], names.authors
    return _reviewers(team, filters), _Side.of(*of_authors)


def _reviewers(team: Team, filters: Filters) -> _Side:
    found = seen(team, filters)
    return once(
        ("reviewers", team.pk, str(filters)),
        lambda: _Side.of(found.kinds("account"), found["id"], names.reviewers),
    )


def pairs(team: Team, filters: Filters) -> list[Pair]:
    """Who reviewed whom; people excluded by an admin only appear as reviewed."""
    found = seen(team, filters)
    return _pairs(found, *_sides(team, filters), np.ones(len(found), bool))


@dataclass(frozen=True)
class Busiest:
    """Reviewers and authors with the most reviews, and who of them reviewed whom.

    `hidden` counts those left out of the larger side.
    """

    reviewers: Sequence[tuple[Account, str]]
    authors: Sequence[tuple[Account, str]]
    pairs: Sequence[Pair]
    hidden: int


@shared
def busiest(team: Team, filters: Filters, most: int) -> Busiest:
    """At most `most` of both."""
    found = seen(team, filters)
    sides = _sides(team, filters)
    shown = [side.busiest(most) for side in sides]
    masks_of = [side.has(places) for side, places in zip(sides, shown, strict=True)]
    reviewers, authors = (side.at(places) for side, places in zip(sides, shown, strict=True))
    hidden = max(
        len(side.accounts) - len(places) for side, places in zip(sides, shown, strict=True)
    )
    return Busiest(reviewers, authors, _pairs(found, *sides, masks_of[0] & masks_of[1]), hidden)


def _pairs(found: Below, reviewers: _Side, authors: _Side, mask: Array) -> list[Pair]:
    """For the reviews that match a mask."""
    kept = found.keep(mask)
    groups, keys = counting.grouped(reviewers.places[mask], authors.places[mask])
    number = len(keys)
    counted = zip(
        counting.counts(groups, number),
        counting.distinct(kept.pull_requests, groups, number),
        _in_state(kept, groups, number, PRReview.State.APPROVED),
        _in_state(kept, groups, number, PRReview.State.CHANGES_REQUESTED),
        strict=True,
    )
    return [
        Pair(*by, *of, *counts)
        for by, of, counts in zip(
            reviewers.at([key for key, _ in keys]),
            authors.at([key for _, key in keys]),
            counted,
            strict=True,
        )
    ]


def _in_state(found: Below, groups: Array, number: int, state: str) -> list[int]:
    return counting.counts(groups[found["state"] == REVIEW_STATES.index(state)], number)


def account(number: int) -> Account:
    """GitHub's id in the arrays; None for deleted accounts."""
    return None if number == NONE else number


@shared
def load(team: Team, filters: Filters) -> list[Load]:
    """What each reviewer gave, by name; shares are of all reviews, also by excluded people."""
    found, total = seen(team, filters), len(reviews(team, filters))
    soon = responses(team, filters).by_reviewer
    reviewers = _reviewers(team, filters)
    groups, number = reviewers.places, len(reviewers.accounts)
    counted = zip(
        reviewers.at(range(number)),
        counting.counts(groups, number),
        counting.distinct(found.pull_requests, groups, number),
        _in_state(found, groups, number, PRReview.State.APPROVED),
        _in_state(found, groups, number, PRReview.State.CHANGES_REQUESTED),
        strict=True,
    )
    given = [
        Load(
            *who,
            count,
            on,
            approvals,
            changes,
            share=count / total,
            response=soon.get(who[0], Spread()),
        )
        for who, count, on, approvals, changes in counted
    ]
    return sorted(given, key=lambda each: each.login.lower())


@dataclass(frozen=True)
class Concentration:
    """All reviews of a period: how many, by how many people, and the busiest reviewer's share.

    They are reviews of `pull_requests` different ones.
    """

    reviews: int = 0
    reviewers: int = 0
    share: float | None = None
    pull_requests: int = 0


@shared
def concentration(team: Team, filters: Filters) -> Concentration:
    """Excluding a reviewer does not change it: it names nobody."""
    found = reviews(team, filters)
    if not len(found):
        return Concentration()
    kinds, places = found.kinds("account")
    most = max(counting.counts(places, len(kinds)))
    on = counting.number(found.pull_requests)
    return Concentration(len(found), len(kinds), most / len(found), on)


@dataclass(frozen=True)
class Responses:
    """How soon reviewers submitted their first review of a pull request."""

    overall: Spread
    by_reviewer: Mapping[Account, Spread]
    by_span: Sequence[Spread | None]


@shared
def responses(team: Team, filters: Filters) -> Responses:
    """In total, by week or month, and by reviewer's GitHub id, without excluded people."""
    found, visible = reviews(team, filters), seen(team, filters)
    times, number = found["response_time"], len(filters.period.spans())
    keys, groups = visible.kinds("account")
    of_reviewer = counting.spreads(visible["response_time"], groups, len(keys))
    by_key = zip(keys.tolist(), of_reviewer, strict=True)
    places = counting.bins(found["submitted_at"], boundaries(filters))
    return Responses(
        counting.spread(times),
        {account(key): each for key, each in by_key if each.count},
        [each if each.count else None for each in counting.spreads(times, places, number)],
    )


def boundaries(filters: Filters) -> list[float]:
    """The bounds of the period's weeks or months, in seconds."""
    return [each.timestamp() for each in filters.period.boundaries()]


@shared
def given(team: Team, filters: Filters) -> dict[Account, tuple[str, int]]:
    """Names and numbers of reviews given, by GitHub's id."""
    found = seen(team, filters)
    keys, groups = found.kinds("account")
    called = names.reviewers(counting.latest(groups, found["id"], len(keys)))
    counts = counting.counts(groups, len(keys))
    return {
        account(key): (name or "", count)
        for key, name, count in zip(keys.tolist(), called, counts, strict=True)
    }
