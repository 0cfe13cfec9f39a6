"""The figures of the read API: the same as the pages of the same name, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ninja import Schema
from pydantic import create_model

from apps.metrics.pages.measures import MEASURES, Measure


class Spread(Schema):
    """Durations in seconds, sizes in lines; null without data."""

    count: int
    median: float | None
    p75: float | None
    p90: float | None
    left_out: int


def _type(measure: Measure) -> Any:
    if measure.is_median:
        return Spread
    return int if measure.unit == "count" else float | None


if TYPE_CHECKING:
    Figures = Schema
else:
    Figures = create_model(
        "Figures",
        __base__=Schema,
        __doc__="Of merged pull requests; shares between 0 and 1.",
        **{name: (_type(each), ...) for name, each in MEASURES.items()},
        sizes=(dict[str, int], ...),
    )


class Range(Schema):
    """Both days are included, in the team's time zone."""

    name: str
    since: str
    until: str
    time_zone: str


class Described(Schema):
    """What a response is about."""

    range: Range
    bots: bool
    outsiders: bool


class Point(Schema):
    """A week or month of the range; null where nothing was merged."""

    name: str
    figures: Figures | None


class OverviewReply(Described):
    """The range's figures, the previous period's, the trend, and what open pull requests wait for.

    `changes` are `higher` or `lower` beyond chance, else null; `moved` is what moved the cycle
    time, if it changed; `this_week` is what waits longer than usual.
    """

    figures: Figures
    previous: Figures
    series: list[Point]
    waiting: dict[str, int]
    not_deployed_now: int
    changes: dict[str, str | None]
    moved: dict[str, Any] | None
    this_week: list[dict[str, Any]]


class FlowReply(Described):
    """`bins` are lower bounds in seconds; null in work in progress is a day to come."""

    figures: Figures
    histograms: dict[str, list[int]]
    bins: list[int]
    work_in_progress: list[int | None]
    open_by_age: dict[str, list[int]]
    waiting_by_weekday_and_hour: list[list[float]]
    abandoned: int
    reopened: int


class Written(Schema):
    """Pull requests by who wrote them; a share is a lower bound among those that are known."""

    people: int
    described: int
    assisted: int
    agents: int
    unknown: int


class StandardMeans(Schema):
    """Means of agents, assisted and people over the same cells of repository and size."""

    means: dict[str, float]
    cells: int
    rows: dict[str, int]
    left_out: dict[str, int]


class WrittenReply(Described):
    """Who wrote what was merged; `unread` pull requests have not been read for AI marks yet."""

    merged: Written
    by_period: list[Written]
    tools: list[dict[str, Any]]
    repositories: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    compared: dict[str, StandardMeans]
    reviewed: dict[str, int]
    reviewers: list[dict[str, Any]]
    waiting_for_a_person: int
    unread: int


class ReviewFiguresReply(Described):
    """Load, concentration and response times of reviews, and who reviewed whom."""

    figures: Figures
    reviews: int
    concentration: float | None
    response_time: Spread
    reviewers: list[dict[str, Any]]
    pairs: list[dict[str, Any]]


class Compared(Schema):
    """A repository or person in a comparison."""

    name: str
    reviews: int
    figures: Figures


class RepositoriesReply(Described):
    """Repositories with something merged."""

    repositories: list[Compared]


class PeopleReply(Described):
    """People who wrote or reviewed, the key's owner first."""

    people: list[Compared]


class RepositoryFiguresReply(OverviewReply):
    """One repository's figures."""

    repository: dict[str, Any]


class PersonFiguresReply(Described):
    """One person's own pull requests, and reviews given and received; only `person` if excluded."""

    person: dict[str, Any]
    figures: Figures | None = None
    previous: Figures | None = None
    reviews_given: int | None = None
    reviews_received: int | None = None
    response_time: Spread | None = None
    waiting: dict[str, int] | None = None
    asked_for_review: int | None = None
    reviewed_with: list[dict[str, Any]] | None = None


class View(Schema):
    """A saved list of the explorer; `query` is its query string."""

    id: int
    name: str
    query: str
    made_by: str | None


class FreshnessReply(Schema):
    """The time of the last fetch, of the latest change, and how much history is still to come."""

    checked_at: datetime | None
    fetched_at: datetime | None
    repositories: int
    incomplete: int
    whole_since: datetime | None
    stopped: int
    stopped_at: datetime | None
