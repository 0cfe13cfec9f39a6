"""Figures of teams, GitHub's and our own: somebody in several counts in each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.metrics.figures import masks, queries
from apps.metrics.figures.queries import Figures
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import Group
from apps.teams.models import Team


def by_group(
    team: Team, filters: Filters, groups: Sequence[Group]
) -> list[tuple[Group, int, Figures]]:
    """Of some groups, each with how many members it has."""
    rows = masks.merged(team, filters, filters.period)
    through = Group.members.through.objects.filter(group__in=groups)
    members: dict[int, list[int]] = {group.pk: [] for group in groups}
    for key, member in through.values_list("group", "teammember"):
        members[key].append(member)
    weeks = filters.period.weeks
    found = []
    for group in groups:
        own = np.array(members[group.pk], np.int64)
        theirs = rows.keep(lambda part, own=own: np.isin(part["author_id"], own))  # type: ignore[misc]
        found.append((group, len(own), queries.of_rows(theirs, weeks)))
    return found
