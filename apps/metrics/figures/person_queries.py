"""What one person's work is like: reviews given and received, and what waits for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Value

from apps.metrics.figures import review_queries
from apps.metrics.figures.expressions import PERCENTILES, Bucket, percentile
from apps.metrics.figures.queries import Spread
from apps.metrics.figures.review_queries import GHOST, Account
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import PRReview, PullRequest, TimelineEvent
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
    """All of a period; `by_span` and `responses` are of those given in its weeks or months."""

    others: Sequence[Exchange]
    given: int
    given_on: int
    received: int
    by_span: Sequence[int]
    response: Spread
    responses: Sequence[Spread]

    @property
    def reviewers(self) -> int:
        """How many people reviewed them."""
        return sum(each.received > 0 for each in self.others)

    @property
    def authors(self) -> int:
        """Whom they reviewed."""
        return sum(each.given > 0 for each in self.others)


def exchanges(team: Team, filters: Filters, mine: Filters, account: int) -> Exchanges:
    """Reviews that count between a person and others; `mine` lets through their own work only."""
    rows = list(_given(team, filters, account).union(_received(team, mine), all=True))
    given = [row for row in rows if row["is_given"]]
    received = [row for row in rows if not row["is_given"]]
    places = range(1, len(filters.period.spans()) + 1)
    spans = [[row for row in given if row["span"] == place] for place in places]
    return Exchanges(
        sorted(_others(given, received), key=lambda each: each.login.lower()),
        len(given),
        len({row["pull_request"] for row in given}),
        len(received),
        [len(rows) for rows in spans],
        _response(given),
        [_response(rows) for rows in spans],
    )


def _response(given: Iterable[Mapping[str, Any]]) -> Spread:
    times = sorted(row["response_time"] for row in given if row["response_time"] is not None)
    return Spread.of(len(times), times and [percentile(times, each) for each in PERCENTILES])


_COLUMNS = ("is_given", "span", "other", "login", "is_hidden", "pull_request", "response_time")


def _given(team: Team, filters: Filters, account: int) -> Any:
    found = review_queries.reviews(team, filters).filter(accounts.is_by(account, "reviewer"))
    return found.annotate(
        is_given=Value(True),
        span=Bucket(F("submitted_at"), filters.period.boundaries()),
        other=accounts.author("pull_request__"),
        login=accounts.author_login("pull_request__"),
        is_hidden=F("pull_request__author__is_hidden"),
    ).values(*_COLUMNS)


def _received(team: Team, mine: Filters) -> Any:
    found = review_queries.reviews(team, mine).annotate(
        is_given=Value(False),
        span=Value(0),
        other=accounts.reviewer(),
        login=accounts.reviewer_login(),
        is_hidden=F("reviewer__is_hidden"),
    )
    return found.values(*_COLUMNS)


def _others(
    given: Iterable[Mapping[str, Any]], received: Iterable[Mapping[str, Any]]
) -> list[Exchange]:
    """By whom; those switched off by an admin are left out."""
    logins: dict[Account, str] = {}
    kinds: dict[Account, tuple[list[int], list[int]]] = {}
    for kind, rows in enumerate((given, received)):
        for row in rows:
            if not row["is_hidden"]:
                logins[row["other"]] = row["login"] or GHOST
                kinds.setdefault(row["other"], ([], []))[kind].append(row["pull_request"])
    return [
        Exchange(other, logins[other], len(to), len(set(to)), len(by), len(set(by)))
        for other, (to, by) in kinds.items()
    ]


@dataclass(frozen=True)
class Asked:
    """An open pull request on which a review of the person is still asked for."""

    pull_request: PullRequest
    since: datetime


def asked(team: Team, theirs: Sequence[int]) -> list[Asked]:
    """Of a person, by all their accounts; the longest wait first.

    A request ends with their review, or when it is taken back.
    """
    answers = PRReview.objects.filter(
        pull_request=OuterRef("pull_request"), reviewer_github_id__in=theirs
    )
    events = TimelineEvent.objects.for_team(team).filter(
        kind__in=(
            TimelineEvent.Kind.REVIEW_REQUESTED,
            TimelineEvent.Kind.REVIEW_REQUEST_REMOVED,
        ),
        reviewer_github_id__in=theirs,
        pull_request__state=PullRequest.State.OPEN,
        pull_request__is_excluded=False,
    )
    later = answers.filter(submitted_at__gte=OuterRef("at"))
    standing: dict[int, Asked] = {}
    for event in (
        events.filter(~Exists(later))
        .select_related("pull_request__repository")
        .order_by("at", "pk")
    ):
        standing.pop(event.pull_request_id, None)
        if event.kind == TimelineEvent.Kind.REVIEW_REQUESTED:
            standing[event.pull_request_id] = Asked(event.pull_request, event.at)
    return sorted(standing.values(), key=lambda each: each.since)
