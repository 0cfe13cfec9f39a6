"""Aggregates over reviews that count: who reviews whom, how much, and how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    FloatField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from apps.metrics.expressions import PERCENTILES, Bucket, Seconds, percentile
from apps.metrics.filters import Filters
from apps.metrics.models import PRReview, TimelineEvent
from apps.metrics.queries import Spread
from apps.teams.models import Team

GHOST = "deleted accounts"
HIDDEN = -1  # no account of GitHub's: whoever was switched off
Account = int | None


@dataclass(frozen=True)
class Pair:
    """What one person reviewed of another's, in a period."""

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
    found: QuerySet[PRReview] = PRReview.objects.for_team(team)
    return found.filter(
        filters.condition("pull_request__"),
        is_qualifying=True,
        submitted_at__gte=period.start,
        submitted_at__lt=period.end,
    )


def pairs(team: Team, filters: Filters) -> list[Pair]:
    """Who reviewed whom; of people switched off by an admin only that they were reviewed."""
    is_hidden = Q(pull_request__author__is_hidden=True)
    author, login = F("pull_request__author_github_id"), F("pull_request__author_login")
    rows: Any = (
        reviews(team, filters)
        .exclude(reviewer__is_hidden=True)
        .order_by()
        .annotate(
            author_id=Case(When(is_hidden, then=Value(HIDDEN, BigIntegerField())), default=author),
            shown_login=Case(When(is_hidden, then=Value("switched off")), default=login),
        )
        .values("reviewer_github_id", "author_id")
        .annotate(
            reviewer_name=Max("reviewer_login"),
            author_name=Max("shown_login"),
            reviews=Count("pk"),
            pull_requests=Count("pull_request", distinct=True),
            approvals=Count("pk", filter=Q(state=PRReview.State.APPROVED)),
            changes_requested=Count("pk", filter=Q(state=PRReview.State.CHANGES_REQUESTED)),
        )
    )
    return [
        Pair(
            row["reviewer_github_id"],
            row["reviewer_name"] or GHOST,
            row["author_id"],
            row["author_name"] or GHOST,
            *(row[n] for n in ("reviews", "pull_requests", "approvals", "changes_requested")),
        )
        for row in rows
    ]


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
    bucket = Bucket(F("submitted_at"), filters.period.boundaries())
    rows = _first_reviews(team, filters).order_by().annotate(span=bucket)
    whole: list[float] = []
    of_reviewer: dict[Account, list[float]] = {}
    of_span: dict[int, list[float]] = {}
    # One pass here is quicker than three over the same subqueries in the database.
    for account, span, seconds in rows.values_list("reviewer_github_id", "span", "seconds"):
        whole.append(seconds)
        of_reviewer.setdefault(account, []).append(seconds)
        of_span.setdefault(span, []).append(seconds)
    places = range(1, len(filters.period.spans()) + 1)
    return Responses(
        _spread(whole),
        {account: _spread(values) for account, values in of_reviewer.items()},
        [_spread(of_span[place]) if place in of_span else None for place in places],
    )


def _spread(values: list[float]) -> Spread:
    values.sort()
    return Spread.of(len(values), values and [percentile(values, p) for p in PERCENTILES])


def _first_reviews(team: Team, filters: Filters) -> QuerySet[PRReview]:
    """Each reviewer's first of a pull request. Deleted accounts can't be told apart: left out."""
    same = PRReview.objects.filter(
        pull_request=OuterRef("pull_request"),
        reviewer_github_id=OuterRef("reviewer_github_id"),
        is_qualifying=True,
    )
    earlier = same.filter(
        Q(submitted_at__lt=OuterRef("submitted_at"))
        | Q(submitted_at=OuterRef("submitted_at"), pk__lt=OuterRef("pk"))
    )
    requests = TimelineEvent.objects.filter(
        pull_request=OuterRef("pull_request"),
        reviewer_github_id=OuterRef("reviewer_github_id"),
        kind=TimelineEvent.Kind.REVIEW_REQUESTED,
        at__lte=OuterRef("submitted_at"),
    ).order_by("at")
    asked = Coalesce(
        Subquery(requests.values("at")[:1]), "pull_request__ready_at", "pull_request__opened_at"
    )
    # Whoever reviews a draft answers before anybody could ask.
    nothing = Value(0.0, output_field=FloatField())
    seconds = Greatest(Seconds(asked, F("submitted_at")), nothing)
    return (
        reviews(team, filters)
        .exclude(reviewer_github_id=None)
        .exclude(reviewer__is_hidden=True)
        .filter(~Exists(earlier))
        .annotate(seconds=seconds)
    )
