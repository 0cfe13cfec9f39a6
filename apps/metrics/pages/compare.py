"""Repositories, and people, side by side: no scores and no rankings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.urls import reverse

from apps.metrics.figures import queries, review_queries, side_by_side
from apps.metrics.figures.freshness import untracked
from apps.metrics.figures.queries import Change, Figures
from apps.metrics.figures.side_by_side import Former
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import Viewer, viewer_of
from apps.metrics.models import TeamMember
from apps.metrics.pages import charts, sentences
from apps.metrics.pages.answer import Answer, figures_data
from apps.metrics.pages.measures import MEASURES, WEEKLY, Measure, Tile, Value
from apps.teams.access import TeamRequest
from apps.teams.models import Team

PER_PAGE = 100


@dataclass(frozen=True)
class Line:
    """A repository, person or team with its figures; `number` is the id in its page's URL."""

    name: str
    number: int
    figures: Figures
    reviews: int = 0
    is_you: bool = False
    is_outside: bool = False
    is_tracked: bool = True
    is_own: bool = False
    called: str = ""
    """Its name in a URL, if that is another."""
    key: int = 0
    """Its primary key."""

    def value(self, column: Measure) -> Value:
        """The value of a column."""
        return column.value(self if column is GIVEN else self.figures)


GIVEN = Measure("reviews", "Reviews given", "count", "load", attrgetter("reviews"))
OF_REPOSITORIES = (
    *("merged", "merged_per_week", "active_authors", "cycle_time", "pickup_time", "review_time"),
    *("size", "review_coverage", "revert_rate"),
)
OF_PEOPLE = ("cycle_time", "pickup_time", "review_time", "size", "review_coverage")


def repositories(request: TeamRequest, filters: Filters) -> Answer:
    """The team's repositories side by side."""
    stopped = untracked(request.team)
    lines = [
        Line(
            found.full_name,
            found.github_repo_id,
            figures,
            is_tracked=found.pk not in stopped,
            key=found.pk,
        )
        for found, figures in queries.by_repository(request.team, filters).items()
    ]
    columns = [MEASURES[name] for name in OF_REPOSITORIES if name != WEEKLY or filters.tells_weeks]
    return answer(request, filters, lines, columns, "repositories", _former_repositories)


def _former_repositories(team: Team, filters: Filters, lines: Sequence[Line]) -> list[Former]:
    return side_by_side.of_repositories(team, filters, tuple(line.key for line in lines))


def people(request: TeamRequest, filters: Filters) -> Answer:
    """The team's people side by side, the viewer first."""
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
    columns = [MEASURES["merged"], GIVEN, *(MEASURES[name] for name in OF_PEOPLE)]
    found = answer(request, filters, lines, columns, "people")
    return replace(found, context={**found.context, "viewer": viewer})


@dataclass(frozen=True)
class Person:
    """A person who wrote or reviewed."""

    login: str
    is_you: bool = False
    is_outside: bool = False


def _people(
    viewer: Viewer, called: Mapping[int | None, str], filters: Filters
) -> dict[int, Person]:
    """By GitHub's id: members with their current names, outsiders with those on their work."""
    # All of them: naming thousands of accounts in a query takes longer than reading their members.
    rows = TeamMember.objects.for_team(viewer.team).values_list("github_id", "github_username")
    members = dict(rows)
    return {
        account: Person(
            members.get(account, name), account in viewer.accounts, account not in members
        )
        for account, name in called.items()
        if account is not None and (filters.outsiders or account in members)
    }


Before = Callable[[Team, Filters, Sequence[Line]], Sequence[Former | None]]


def _no_comparison(team: Team, filters: Filters, lines: Sequence[Line]) -> list[Former]:
    return []


def answer(
    request: TeamRequest,
    filters: Filters,
    lines: list[Line],
    columns: Sequence[Measure],
    kind: str,
    before: Before = _no_comparison,
) -> Answer:
    """A table of them, sorted as the URL says, each compared with `before` and drawn as a bar.

    People have neither: no person is judged, and bars would make a ranking.
    """
    sort = request.GET.get("sort", "")
    lines = _sorted(lines, columns, sort)
    page = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    former = before(request.team, filters, list(page)) or [None] * len(page)
    shown = _Shown(request.team, filters, columns, kind, lines if any(former) else ())
    context = {
        "kind": kind,
        "heading": _HEADINGS[kind],
        "caption": _CAPTIONS[kind](page),
        "page": page,
        "lines": [shown.line(*each) for each in zip(page, former, strict=True)],
        "columns": [(c, _next_sort(c.field, sort), _direction(c.field, sort)) for c in columns],
        "name_sort": _direction("name", sort or "name"),
        "sort": sort,
    }
    return Answer(context, lambda: {kind: [_line_data(line) for line in lines]})


_CAPTIONS = {
    "people": sentences.of_people,
    "repositories": sentences.of_repositories,
    "teams": sentences.of_teams,
}
_HEADINGS = {"people": "Person", "repositories": "Repository", "teams": "Team"}


Cell = tuple[Tile, float | None]
"""A figure with its change, and the length of its bar."""


class _Shown:
    """Lines as a table shows them; the columns in `drawn` have bars."""

    def __init__(
        self,
        team: Team,
        filters: Filters,
        columns: Sequence[Measure],
        kind: str,
        drawn: Sequence[Line],
    ) -> None:
        self.team, self.filters, self.columns = team, filters, columns
        self.most = {column.field: _most(drawn, column) for column in columns}
        self.name, self.key = _KINDS[kind]
        self.path = reverse("pull_requests", args=[team.slug])
        self.lists = {column.field: urlencode(column.list) for column in columns}
        self.everyone = charts.base(filters.of_everyone(), self.path)

    def line(self, line: Line, former: Former | None) -> tuple[Line, str, list[Cell]]:
        """A line, its page's URL, and its cells with the URLs of their lists."""
        page = reverse(self.name, args=[self.team.slug, line.number])
        base = charts.base(self.filters, self.path, **{self.key: line.called or line.name})
        return line, page, [self._cell(line, column, base, former) for column in self.columns]

    def _cell(self, line: Line, column: Measure, base: str, former: Former | None) -> Cell:
        value = line.value(column)
        address = base + self.lists[column.field]
        if column is GIVEN:
            address = f"{self.everyone}figure=reviews.{line.number}"
        link = address.rstrip("?&") if value else ""
        most = self.most[column.field]
        return _tile(column, value, link, former), (value or 0) / most if most else None


def _tile(column: Measure, value: Value, link: str, former: Former | None) -> Tile:
    if former is None:
        return Tile(column, Change(value, None, None), link)
    before = former.figures
    change = Change.between(value, column.value(before) if before.merged else None, before.merged)
    return Tile(column, change, link, former.changes.verdict(column.field))


def _most(lines: Sequence[Line], column: Measure) -> Value:
    """The value of a column's longest bar; None for a column without bars."""
    if column.unit != "duration" and column.field != "merged":
        return None
    return max((line.value(column) or 0 for line in lines), default=None)


_KINDS = {
    "people": ("person_page", "person"),
    "repositories": ("repository_page", "repo"),
    "teams": ("group_page", "group"),
}


def _line_data(line: Line) -> dict[str, Any]:
    return {"name": line.name, "reviews": line.reviews, "figures": figures_data(line.figures)}


def _sorted(lines: list[Line], columns: Sequence[Measure], sort: str) -> list[Line]:
    column = next((c for c in columns if c.field == sort.removeprefix("-")), None)
    found = sorted(lines, key=lambda line: line.name.lower())
    if column:
        found.sort(key=lambda line: line.value(column) or 0, reverse=sort.startswith("-"))
        found.sort(key=lambda line: line.value(column) is None)
    return sorted(found, key=lambda line: not line.is_you)


def _next_sort(key: str, sort: str) -> str:
    return key if sort == f"-{key}" else f"-{key}"


def _direction(key: str, sort: str) -> str:
    if sort.removeprefix("-") != key:
        return ""
    return "descending" if sort.startswith("-") else "ascending"
