"""One person: their pull requests, and reviews given and received. No scores, no rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import reverse

from apps.metrics.figures import person_queries, queries, waiting_queries
from apps.metrics.figures.behind import GHOST
from apps.metrics.figures.pending import PERSON
from apps.metrics.figures.person_queries import Exchange, Exchanges
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import REFUSAL, Viewer, viewer_of
from apps.metrics.models import TeamMember
from apps.metrics.pages import charts, sentences
from apps.metrics.pages.answer import Answer, figures_data, spread_data
from apps.metrics.pages.measures import FIRST, OTHERS, tiles
from apps.teams.access import TeamRequest
from apps.teams.models import Team


@dataclass(frozen=True)
class Person:
    """A member, or an outsider who wrote or reviewed."""

    account: int
    login: str
    name: str = ""
    is_member: bool = False
    has_left: bool = False
    is_hidden: bool = False
    is_you: bool = False

    @property
    def title(self) -> str:
        """The page's title."""
        return self.name or self.login


def person(request: TeamRequest, filters: Filters, github_id: int) -> Answer:
    """By GitHub's id; if the team restricts such figures, for admins and that person only."""
    viewer = viewer_of(request)
    github_id = viewer.main_accounts.get(github_id, github_id)
    if not viewer.sees(github_id):
        raise PermissionDenied(REFUSAL)
    person = _person(viewer, github_id)
    around = {"person": person, "fixed": "person"}
    if person.is_hidden:
        return Answer({"person": person}, lambda: {"person": vars(person)}, around)
    filters = filters.of_everyone()
    mine = filters.narrowed(person=person.login)
    mine = replace(mine, accounts=() if person.is_member else (github_id,))
    (now, before), points = queries.figures_and_series(request.team, mine)
    exchanged = person_queries.exchanges(request.team, filters, mine, github_id)
    waiting = waiting_queries.waiting(request.team, mine, 0)
    queue = waiting_queries.queue_of(request.team, (PERSON, github_id), filters)
    path = reverse("pull_requests", args=[request.team.slug])
    given = filters.address(path, figure=f"reviews.{github_id}")
    context = {
        "filters": mine,
        "person": person,
        "now": now,
        "answer": sentences.of_person(now, exchanged, mine.period.days, mine.address(path)),
        "given_to": sentences.given_to(exchanged, given),
        "received_from": sentences.received_from(exchanged, mine.address(path, figure="reviews")),
        "response_list": filters.address(path, figure=f"response_time.{github_id}"),
        "others": _others(exchanged, charts.base(filters, path), github_id),
        "tiles": tiles(now, before, mine, path, FIRST, points=points),
        "other_tiles": tiles(now, before, mine, path, OTHERS),
        "exchanged": exchanged,
        "response": exchanged.response,
        "charts": _charts(points, exchanged, (mine, filters), request.team, github_id),
        "queue": queue,
    }
    return Answer(
        context,
        lambda: {
            "person": vars(person),
            "figures": figures_data(now),
            "previous": figures_data(before),
            **_reviews_data(exchanged),
            "waiting": {group.waiting_for or "nobody": group.count for group in waiting},
            "asked_for_review": len(queue.reviews),
        },
        around,
    )


def _reviews_data(exchanged: Exchanges) -> dict[str, Any]:
    return {
        "reviews_given": exchanged.given,
        "reviews_received": exchanged.received,
        "response_time": spread_data(exchanged.response),
        "reviewed_with": [vars(each) for each in exchanged.others],
    }


def _person(viewer: Viewer, account: int) -> Person:
    """Raises Http404 for a person unknown to the team."""
    is_you = account in viewer.accounts
    found = TeamMember.objects.for_team(viewer.team).filter(github_id=account).first()
    if found is not None:
        return Person(
            account,
            found.github_username,
            found.name,
            is_member=True,
            has_left=not found.is_active,
            is_hidden=found.is_hidden,
            is_you=is_you,
        )
    login = accounts.login_of(viewer.team, account)
    if login is None:
        raise Http404("The team knows no such person.")
    return Person(account, login, is_you=is_you)


def _others(exchanged: Exchanges, base: str, account: int) -> list[tuple[Exchange, str, str]]:
    """Each with the lists of reviews given to them and received from them."""

    def link(reviewer: int | None, author: int | None) -> str:
        return f"{base}figure=reviews.{reviewer or GHOST}.{author or GHOST}"

    return [
        (each, link(account, each.account), link(each.account, account))
        for each in exchanged.others
    ]


def _charts(
    points: Sequence[queries.Point],
    exchanged: Exchanges,
    mine_and_all: tuple[Filters, Filters],
    team: Team,
    account: int,
) -> list[charts.Chart]:
    path = reverse("pull_requests", args=[team.slug])
    make, of_others = (charts.trend(points, each, path, team) for each in mine_and_all)
    response = [spread.median for spread in exchanged.responses]
    merged = charts.Series("Merged", charts.values(points, lambda f: f.merged))
    given = charts.Series("Reviews given", exchanged.by_span, "stage-review")
    cycle = charts.Series("Median", charts.values(points, lambda f: f.spreads["cycle_time"].median))
    median = charts.Series("Median", response, "stage-review")
    return [
        make(
            merged, id="merged", title="Merged", kind="bar", unit="count", definition="throughput"
        ),
        of_others(
            given,
            behind={"figure": f"reviews.{account}"},
            id="given",
            title="Reviews given",
            kind="bar",
            unit="count",
            definition="load",
        ),
        make(
            cycle,
            behind={"figure": "cycle_time"},
            id="cycle-time",
            title="Cycle time",
            kind="line",
            unit="duration",
            definition="cycle_time",
            note="Median of their merged pull requests",
            counts=charts.counted(points, lambda f: f.spreads["cycle_time"].count),
        ),
        of_others(
            median,
            behind={"figure": f"response_time.{account}"},
            id="response",
            title="Response time",
            kind="line",
            unit="duration",
            definition="response_time",
            note="Median until their first review",
            counts=[spread.count for spread in exchanged.responses],
            counted="response",
        ),
    ]
