"""Who reviews whom, how much and how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from apps.metrics.figures import masks, queries, review_queries
from apps.metrics.figures.behind import GHOST
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.review_queries import Account, Concentration, Load, Pair
from apps.metrics.figures.rows import fetched
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import Viewer, viewer_of
from apps.metrics.models import PullRequest
from apps.metrics.pages import charts, sentences
from apps.metrics.pages.answer import Answer, figures_data, spread_data
from apps.teams.access import TeamRequest
from apps.teams.models import Team
from apps.teams.wording import counted

MOST_IN_MATRIX = 60
HEATS = 4
PER_PAGE = 100
NEWEST = 8


@dataclass(frozen=True)
class Matrix:
    """Reviewers in rows, authors in columns; `hidden` are too many to show.

    The cells of a row are ready markup: up to 3,600 are mostly empty, and each would cost a
    template.
    """

    authors: Sequence[str]
    rows: Sequence[tuple[str, SafeString]]
    hidden: int


def reviews(request: TeamRequest, filters: Filters) -> Answer:
    """Load, response times and coverage of reviews."""
    team = request.team
    figures = queries.figures(team, filters)
    viewer = viewer_of(request)
    path = reverse("pull_requests", args=[team.slug])
    responses = review_queries.responses(team, filters)
    concentration = review_queries.concentration(team, filters)
    given = review_queries.load(team, filters)
    response = responses.overall
    seen = [each for each in given if viewer.sees(each.account)]
    context = {
        "figures": figures,
        "reviews": concentration.reviews,
        "reviewed_on": sentences.reviewed_on(
            concentration.pull_requests, filters.address(path, figure="reviews")
        ),
        "per_week": concentration.reviews / filters.period.weeks if filters.tells_weeks else None,
        "load": Paginator(seen, PER_PAGE).get_page(request.GET.get("page")),
        "viewer": viewer,
        "answer": sentences.of_reviews(figures, response, concentration),
        "response": response,
        "matrix": _matrix(team, filters, path) if viewer.sees_everyone else None,
        "unreviewed": _unreviewed(team, filters) if figures.unreviewed else (),
        "charts": [_response_chart(request, filters, responses.by_span)],
    }
    return Answer(
        context,
        lambda: _data(
            figures, review_queries.pairs(team, filters), given, response, viewer, concentration
        ),
    )


def _unreviewed(team: Team, filters: Filters) -> list[PullRequest]:
    """The latest that were merged without a review that counts."""
    found = masks.merged(team, filters, filters.period).where("reviewer_count", 0)
    return fetched(found.first(NEWEST, -found["merged_at"], -found["id"]))


def _data(
    figures: queries.Figures,
    pairs: Sequence[Pair],
    given: Sequence[Load],
    response: Spread,
    viewer: Viewer,
    concentration: Concentration,
) -> dict[str, Any]:
    return {
        "figures": figures_data(figures),
        "reviews": concentration.reviews,
        "concentration": concentration.share,
        "response_time": spread_data(response),
        "reviewers": [
            {**vars(each), "response": spread_data(each.response)}
            for each in given
            if viewer.sees(each.account)
        ],
        "pairs": [
            pair._asdict()
            for pair in pairs
            if viewer.sees(pair.reviewer) or viewer.sees(pair.author)
        ],
    }


def _response_chart(
    request: TeamRequest, filters: Filters, points: Sequence[Spread | None]
) -> charts.Chart:
    series = [
        charts.Series(name, _each(points, key), "stage-review", is_faint)
        for name, key, is_faint in (
            ("Median", "median", False),
            ("75th percentile", "p75", True),
            ("90th percentile", "p90", True),
        )
    ]
    spans = [queries.Point(span, None) for span in filters.period.spans()]
    path = reverse("pull_requests", args=[request.team.slug])
    return charts.trend(spans, filters, path, request.team)(
        *series,
        id="response",
        title="Response time",
        behind={"figure": "response_time"},
        kind="line",
        unit="duration",
        definition="response_time",
        counts=[point.count if point else 0 for point in points],
        counted="response",
    )


def _each(points: Sequence[Spread | None], key: str) -> list[float | None]:
    return [getattr(point, key) if point else None for point in points]


def _matrix(team: Team, filters: Filters, path: str) -> Matrix:
    found = review_queries.busiest(team, filters, MOST_IN_MATRIX)
    base = escape(charts.base(filters, path))
    by_pair = {(pair.reviewer, pair.author): pair for pair in found.pairs}
    most = max((pair.reviews for pair in found.pairs), default=1)
    authors = [author for author, _ in found.authors]
    return Matrix(
        [name for _, name in found.authors],
        [
            (name, SafeString("".join(_cell(by_pair, most, who, to, base) for to in authors)))
            for who, name in found.reviewers
        ],
        found.hidden,
    )


def _cell(
    by_pair: Mapping[tuple[Account, Account], Pair],
    most: int,
    reviewer: Account,
    author: Account,
    base: SafeString,
) -> str:
    pair = by_pair.get((reviewer, author))
    if pair is None:
        is_self = reviewer == author and reviewer is not None
        return '<td class="self"></td>' if is_self else "<td></td>"
    on = counted(pair.pull_requests, "pull request")
    reviews = counted(pair.reviews, "review")
    title = escape(f"{pair.reviewer_login} gave {pair.author_login} {reviews} on {on}")
    heat = -(-pair.reviews * HEATS // most)
    shown = f"{pair.reviews}"
    if author != review_queries.HIDDEN:
        figure = f"figure=reviews.{reviewer or GHOST}.{author or GHOST}"
        shown = f'<a class="plain" href="{base}{figure}">{shown}</a>'
    return f'<td class="heat-{heat}" title="{title}">{shown}</td>'
