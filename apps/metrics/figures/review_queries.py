"""Aggregates over reviews that count: who reviews whom, how much, and how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, Count, F, Max, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from apps.metrics.figures.expressions import Bucket, grouped_percentiles
from apps.metrics.figures.queries import Spread
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import PRReview
from apps.teams.models import Team

GHOST = "deleted accounts"
HIDDEN = -1  # no account of GitHub's: whoever was switched off
Account = int | None


class Pair(NamedTuple):
    """What one person reviewed of another's, in a period: of a company, there are thousands."""

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


def reviews(team: Team, filters: Filters) -> QuerySet[PRReview]:
    """Those that count, submitted in the filters' period, on pull requests they let through."""
    period = filters.period
    found = PRReview.objects.for_team(team)
    return found.filter(
        filters.condition("pull_request__"),
        is_qualifying=True,
        submitted_at__gte=period.start,
        submitted_at__lt=period.end,
    )


def pairs(team: Team, filters: Filters) -> list[Pair]:
    """Who reviewed whom; of people switched off by an admin only that they were reviewed."""
    is_hidden = Q(pull_request__author__is_hidden=True)
    author = accounts.author("pull_request__")
    login = accounts.author_login("pull_request__")
    ghost = Value(GHOST)
    rows: Any = (
        reviews(team, filters)
        .exclude(reviewer__is_hidden=True)
        .order_by()
        .annotate(
            given_by=accounts.reviewer(),
            author_id=Case(When(is_hidden, then=Value(HIDDEN, BigIntegerField())), default=author),
            shown_login=Case(When(is_hidden, then=Value("switched off")), default=login),
        )
        .values("given_by", "author_id")
        .annotate(
            reviewer_name=Coalesce(Max(accounts.reviewer_login()), ghost),
            author_name=Coalesce(Max("shown_login"), ghost),
            reviews=Count("pk"),
            pull_requests=Count("pull_request", distinct=True),
            approvals=Count("pk", filter=Q(state=PRReview.State.APPROVED)),
            changes_requested=Count("pk", filter=Q(state=PRReview.State.CHANGES_REQUESTED)),
        )
    )
    columns = ("given_by", "reviewer_name", "author_id", "author_name")
    counts = ("reviews", "pull_requests", "approvals", "changes_requested")
    return list(map(Pair._make, rows.values_list(*columns, *counts)))


def load(found: Sequence[Pair], responses: Mapping[Account, Spread]) -> list[Load]:
    """What each reviewer gave, by name."""
    total = sum(pair.reviews for pair in found)
    of_reviewer: dict[Account, list[Pair]] = {}
    for pair in found:
        of_reviewer.setdefault(pair.reviewer, []).append(pair)
    given = [
        Load(
            account,
            mine[0].reviewer_login,
            sum(pair.reviews for pair in mine),
            sum(pair.pull_requests for pair in mine),
            sum(pair.approvals for pair in mine),
            sum(pair.changes_requested for pair in mine),
            sum(pair.reviews for pair in mine) / total,
            responses.get(account, Spread()),
        )
        for account, mine in of_reviewer.items()
    ]
    return sorted(given, key=lambda each: each.login.lower())


def concentration(given: Sequence[Load]) -> float | None:
    """The share of the busiest reviewer; none without reviews."""
    return max((each.share for each in given), default=None)


@dataclass(frozen=True)
class Responses:
    """How soon reviewers came with their first review of a pull request."""

    whole: Spread
    by_reviewer: Mapping[Account, Spread]
    by_span: Sequence[Spread | None]


def responses(team: Team, filters: Filters) -> Responses:
    """In all, for each reviewer by GitHub's id, and for each week or month of the period."""
    period = filters.period
    rows = (
        reviews(team, filters)
        .exclude(response_time=None)
        .exclude(reviewer__is_hidden=True)
        .annotate(given_by=accounts.reviewer(), span=Bucket(F("submitted_at"), period.boundaries()))
    )
    found: tuple[dict[Any, Spread], ...] = ({}, {}, {})
    for place, group, count, numbers in grouped_percentiles(
        rows, "response_time", "given_by", "span"
    ):
        found[place][group] = Spread.of(count, numbers)
    whole, of_reviewer, of_span = found
    places = range(1, len(period.spans()) + 1)
    return Responses(
        whole.get(None, Spread()), of_reviewer, [of_span.get(place) for place in places]
    )


def given(team: Team, filters: Filters) -> dict[Account, tuple[str, int]]:
    """What those are called who reviewed, by GitHub's id, and how many reviews they gave."""
    rows = reviews(team, filters).exclude(reviewer__is_hidden=True).order_by()
    counts = rows.values(given_by=accounts.reviewer()).annotate(
        called=Max(accounts.reviewer_login()), count=Count("pk")
    )
    found = counts.values_list("given_by", "called", "count")
    return {account: (called or "", count) for account, called, count in found}
