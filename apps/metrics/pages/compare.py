"""Repositories, and people, side by side: no scores and no ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse

from apps.metrics.figures import queries, review_queries
from apps.metrics.figures.queries import Figures
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import Viewer, viewer_of
from apps.metrics.models import TeamMember
from apps.metrics.pages import sentences
from apps.metrics.pages.answer import Answer, figures_data
from apps.teams.access import TeamRequest

Value = float | int | None
PER_PAGE = 100


@dataclass(frozen=True)
class Line:
    """A repository or person with its figures; `number` is GitHub's id."""

    name: str
    number: int
    figures: Figures
    reviews: int = 0
    is_you: bool = False
    is_outside: bool = False


@dataclass(frozen=True)
class Column:
    """A figure in a table that can be sorted by it."""

    key: str
    label: str
    unit: str
    anchor: str
    read: Callable[[Line], Value]


def _median(name: str) -> Callable[[Line], Value]:
    return lambda line: line.figures.spreads[name].median


MERGED = Column("merged", "Merged", "count", "throughput", lambda line: line.figures.merged)
WEEK = Column("week", "A week", "decimal", "throughput", lambda line: line.figures.per_week)
CYCLE = Column("cycle_time", "Cycle time", "duration", "cycle_time", _median("cycle_time"))
PICKUP = Column("pickup_time", "Pickup", "duration", "pickup_time", _median("pickup_time"))
REVIEW = Column("review_time", "Review", "duration", "review_time", _median("review_time"))
LINES = Column("lines", "Lines", "count", "size", lambda line: line.figures.lines.median)
COVERAGE = Column(
    "coverage", "Reviewed", "share", "review_coverage", lambda line: line.figures.coverage
)
REVERTS = Column(
    "reverts", "Reverts", "share", "revert_rate", lambda line: line.figures.revert_rate
)
GIVEN = Column("reviews", "Reviews given", "count", "load", lambda line: line.reviews)
AUTHORS = Column("authors", "Authors", "count", "active_author", lambda line: line.figures.authors)
OF_REPOSITORIES = (MERGED, WEEK, AUTHORS, CYCLE, PICKUP, REVIEW, LINES, COVERAGE, REVERTS)
OF_PEOPLE = (MERGED, GIVEN, CYCLE, PICKUP, REVIEW, LINES, COVERAGE)


def repositories(request: TeamRequest, filters: Filters) -> Answer:
    """The team's repositories side by side."""
    lines = [
        Line(found.full_name, found.github_repo_id, figures)
        for found, figures in queries.by_repository(request.team, filters).items()
    ]
    return _answer(request, lines, OF_REPOSITORIES, "repositories")


def people(request: TeamRequest, filters: Filters) -> Answer:
    """The team's people side by side, oneself first."""
    viewer = viewer_of(request)
    written = queries.authors(request.team, filters)
    given = review_queries.given(request.team, filters)
    called = {account: name for account, (name, _) in {**given, **written}.items()}
    lines = [
        Line(
            person.login,
            account,
            written[account][1] if account in written else queries.nothing(filters.period),
            given[account][1] if account in given else 0,
            person.is_you,
            person.is_outside,
        )
        for account, person in _people(viewer, called, filters).items()
        if viewer.sees(account)
    ]
    answer = _answer(request, lines, OF_PEOPLE, "people")
    return replace(answer, context={**answer.context, "viewer": viewer})


@dataclass(frozen=True)
class Person:
    """Somebody who wrote or reviewed."""

    login: str
    is_you: bool = False
    is_outside: bool = False


def _people(
    viewer: Viewer, called: Mapping[int | None, str], filters: Filters
) -> dict[int, Person]:
    """By GitHub's id: members by their names of today, outsiders by those on what they did."""
    members = dict(
        TeamMember.objects.for_team(viewer.team)
        .filter(github_id__in=[account for account in called if account is not None])
        .values_list("github_id", "github_username")
    )
    return {
        account: Person(
            members.get(account, name), account in viewer.accounts, account not in members
        )
        for account, name in called.items()
        if account is not None and (filters.outsiders or account in members)
    }


def _answer(
    request: TeamRequest, lines: list[Line], columns: tuple[Column, ...], kind: str
) -> Answer:
    sort = request.GET.get("sort", "")
    lines = _sorted(lines, columns, sort)
    page = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "kind": kind,
        "caption": _CAPTIONS[kind](page),
        "page": page,
        "lines": [_shown(request, line, columns, kind) for line in page],
        "columns": [(c, _next_sort(c.key, sort), _direction(c.key, sort)) for c in columns],
        "name_sort": _direction("name", sort or "name"),
        "sort": sort,
    }
    return Answer(context, lambda: {kind: [_line_data(line) for line in lines]})


_CAPTIONS = {"people": sentences.of_people, "repositories": sentences.of_repositories}


def _shown(
    request: TeamRequest, line: Line, columns: tuple[Column, ...], kind: str
) -> tuple[Line, str, list[tuple[Value, str]]]:
    """A line, the address of its own page and its cells."""
    name = "person_page" if kind == "people" else "repository_page"
    page = reverse(name, args=[request.team.slug, line.number])
    return line, page, [(column.read(line), column.unit) for column in columns]


def _line_data(line: Line) -> dict[str, Any]:
    return {"name": line.name, "reviews": line.reviews, "figures": figures_data(line.figures)}


def _sorted(lines: list[Line], columns: tuple[Column, ...], sort: str) -> list[Line]:
    read = next((c.read for c in columns if c.key == sort.removeprefix("-")), None)
    found = sorted(lines, key=lambda line: line.name.lower())
    if read:
        found.sort(key=lambda line: read(line) or 0, reverse=sort.startswith("-"))
        found.sort(key=lambda line: read(line) is None)
    return sorted(found, key=lambda line: not line.is_you)


def _next_sort(key: str, sort: str) -> str:
    return key if sort == f"-{key}" else f"-{key}"


def _direction(key: str, sort: str) -> str:
    if sort.removeprefix("-") != key:
        return ""
    return "descending" if sort.startswith("-") else "ascending"
