"""Figures of teams, GitHub's and our own: a person in several counts in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.metrics.figures import masks, queries
from apps.metrics.figures.queries import Figures
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import Group
from apps.teams.models import Team


def members(groups: Sequence[Group]) -> dict[Group, list[int]]:
    """The keys of each group's members."""
    through = Group.members.through.objects.filter(group__in=groups)
    found: dict[int, list[int]] = {group.pk: [] for group in groups}
    for key, member in through.values_list("group", "teammember"):
        found[key].append(member)
    return {group: found[group.pk] for group in groups}


def by_group(
    team: Team, filters: Filters, members: Mapping[Group, Sequence[int]]
) -> dict[Group, Figures]:
    """For groups with the keys of their members."""
    rows = masks.merged(team, filters, filters.period)
    weeks = filters.period.weeks
    found = {}
    for group, keys in members.items():
        own = np.array(keys, np.int64)
        theirs = rows.keep(lambda part, own=own: np.isin(part["author_id"], own))  # type: ignore[misc]
        found[group] = queries.of_rows(theirs, weeks)
    return found
