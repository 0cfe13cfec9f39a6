"""Repositories and teams compared with the previous period, all lines of a table at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.metrics.figures import change_queries, counting, masks, queries
from apps.metrics.figures.change_queries import OF_A_PERSON, Changes, Grouped
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.rows import Rows, Some
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.filters.viewer import groups_of_several
from apps.metrics.models import Group
from apps.teams.models import Team


@dataclass(frozen=True)
class Former:
    """A line's figures in the period before, and what differs beyond chance."""

    figures: Figures
    changes: Changes


def members(groups: Sequence[Group]) -> dict[int, list[int]]:
    """The keys of the members of each team, by its key."""
    through = Group.members.through.objects.filter(group__in=groups)
    found: dict[int, list[int]] = {group.pk: [] for group in groups}
    for key, member in through.values_list("group", "teammember"):
        found[key].append(member)
    return found


@shared
def of_repositories(team: Team, filters: Filters, keys: tuple[int, ...]) -> list[Former]:
    """For each repository, in this order."""
    figures = {found.pk: each for found, each in queries.by_repository(team, filters).items()}
    now = [figures.get(key) or queries.nothing(filters.period) for key in keys]
    begun = change_queries.begun(team, filters)
    why_not = [None if key in begun else Changes() for key in keys]
    return _of_each(team, filters, "repository_id", [[key] for key in keys], now, why_not)


def of_teams(
    team: Team, filters: Filters, members: Mapping[int, Sequence[int]], now: Sequence[Figures]
) -> list[Former]:
    """For each team, given the keys of its members and its current figures."""
    several = set(groups_of_several(team).values_list("pk", flat=True))
    usually = None if change_queries.begun(team, filters) else Changes()
    why_not = [usually if key in several else Changes(why_not=OF_A_PERSON) for key in members]
    return _of_each(team, filters, "author_id", [*members.values()], now, why_not)


def figures_of_teams(
    team: Team, filters: Filters, members: Sequence[Sequence[int]]
) -> list[Figures]:
    """For each team, by the keys of its members; a person in several teams counts in each."""
    rows = masks.merged(team, filters, filters.period)
    return _figures(_lines(rows, "author_id", members), len(members), filters.period)


def _of_each(
    team: Team,
    filters: Filters,
    name: str,
    lines: Sequence[Sequence[int]],
    now: Sequence[Figures],
    why_not: Sequence[Changes | None],
) -> list[Former]:
    """`lines` has values of a column; `why_not` says for which lines nothing is judged."""
    period = filters.period
    mine, former = (
        _lines(masks.merged(team, filters, each), name, lines) for each in (period, period.previous)
    )
    before = _figures(former, len(lines), period.previous)
    usually = change_queries.why_not(team, filters)
    changes = change_queries.between(now, before, mine, former)
    judged = [usually or instead or own for instead, own in zip(why_not, changes, strict=True)]
    return [Former(*each) for each in zip(before, judged, strict=True)]


def _lines(rows: Rows, name: str, lines: Sequence[Sequence[int]]) -> Grouped:
    places, groups = counting.among(rows[name], lines)
    return Some(rows, places), groups


def _figures(found: Grouped, number: int, period: Period) -> list[Figures]:
    return queries.by_groups(*found, [period.weeks] * number)
