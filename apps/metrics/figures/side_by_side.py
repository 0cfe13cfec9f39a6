"""Repositories and teams compared with the previous period, all lines of a table at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from apps.metrics.figures import change_queries, masks, queries
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.change_queries import OF_A_PERSON, Changes
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.rows import Rows, Some
from apps.metrics.filters.chosen import Filters
from apps.teams.models import Team

Divide = Callable[[Rows], Sequence[Array]]
"""The positions of the rows of each line."""


@dataclass(frozen=True)
class Former:
    """A line's figures in the period before, and what differs beyond chance."""

    figures: Figures
    changes: Changes


def of_repositories(team: Team, filters: Filters, keys: Sequence[int]) -> list[Former]:
    """For each repository, in this order."""

    def divide(rows: Rows) -> list[Array]:
        found = rows["repository_id"]
        order = np.argsort(found, kind="stable")
        starts = np.searchsorted(found[order], keys)
        ends = np.searchsorted(found[order], keys, "right")
        return [order[start:end] for start, end in zip(starts, ends, strict=True)]

    begun = change_queries.begun(team, filters)["repository_id"]
    why_not = [None if has_begun else Changes() for has_begun in np.isin(keys, begun)]
    return _of_each(team, filters, divide, why_not)


def of_teams(team: Team, filters: Filters, members: Sequence[Sequence[int]]) -> list[Former]:
    """For each team, by the keys of its members."""

    def divide(rows: Rows) -> list[Array]:
        authors = rows["author_id"]
        return [np.flatnonzero(np.isin(authors, np.array(own, np.int64))) for own in members]

    has_begun = len(change_queries.begun(team, filters)) > 0
    usually = None if has_begun else Changes()
    why_not = [usually if len(own) > 1 else Changes(why_not=OF_A_PERSON) for own in members]
    return _of_each(team, filters, divide, why_not)


def _of_each(
    team: Team, filters: Filters, divide: Divide, why_not: Sequence[Changes | None]
) -> list[Former]:
    """`why_not` says for which lines nothing is judged."""
    period = filters.period
    now, before = (masks.merged(team, filters, each) for each in (period, period.previous))
    there = list(divide(before))
    mine = [Some(now, places) for places in divide(now)]
    former = [Some(before, places) for places in there]
    usually = change_queries.why_not(team, filters)
    changes = [
        usually or instead or change_queries.between(*pair)
        for instead, *pair in zip(why_not, mine, former, strict=True)
    ]
    figures = _figures(before, there, period.previous.weeks)
    return [Former(*each) for each in zip(figures, changes, strict=True)]


def _figures(rows: Rows, places: Sequence[Array], weeks: float) -> list[Figures]:
    if not places:
        return []
    groups = np.repeat(np.arange(len(places)), [len(each) for each in places])
    return queries.by_groups(Some(rows, np.concatenate(places)), groups, [weeks] * len(places))
