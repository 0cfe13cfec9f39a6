"""The filters as masks over a team's arrays.

Text is matched in the database, which returns keys: names of repositories, people and groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from apps.metrics.figures.arrays import Array, code
from apps.metrics.figures.columns import AIS, NONE, SIZES, STATES
from apps.metrics.figures.current import current, once
from apps.metrics.figures.rows import Columns, Rows, Test
from apps.metrics.filters.chosen import WRITTEN, Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import PullRequest, Repository, TeamMember
from apps.teams.models import Team

OPEN, CLOSED, MERGED = (
    STATES.index(state)
    for state in (PullRequest.State.OPEN, PullRequest.State.CLOSED, PullRequest.State.MERGED)
)
AGENT = AIS.index("agent")
IN_PERIOD = {"merged": "merged_at", "closed": "closed_at", "opened": "opened_at"}
# Their statistics leave out pull requests with an old commit.
FROM_FIRST_COMMIT = ("cycle_time", "coding_time")


def pull_requests(team: Team, filters: Filters) -> Rows:
    """All of a team's that match the filters, at any time."""
    return once(
        ("pull requests", team.pk, str(filters)), lambda: narrowed(all_of(team), team, filters)
    )


def all_of(team: Team) -> Rows:
    """All of a team's, including those that its settings exclude."""
    return Rows.from_parts(current(team).parts)


def openings(team: Team) -> Rows:
    """Some of a team, among them the first of each repository that is not excluded."""
    return Rows.openings(current(team).parts)


def merged(team: Team, filters: Filters, period: Period) -> Rows:
    """Those merged in the period."""
    return in_state(team, filters, PullRequest.State.MERGED, period)


def in_state(team: Team, filters: Filters, state: str, period: Period) -> Rows:
    """Those merged, closed unmerged or `opened` in the period, or open now; all for ""."""
    rows = all_of(team)
    if column := IN_PERIOD.get(state):
        rows = rows.between(column, *ends(period))
    if state in STATES:
        rows = rows.where("state", STATES.index(state))
    return narrowed(rows, team, filters)


def counted(part: Columns, name: str) -> Array:
    """Which merged pull requests the statistics of a duration count."""
    has_value: Array = part[name] != NONE
    return has_value & (part["has_old_commit"] == 0) if name in FROM_FIRST_COMMIT else has_value


def ends(period: Period) -> tuple[float, float]:
    """A period's bounds, in seconds."""
    return period.start.timestamp(), period.end.timestamp()


def narrowed(rows: Rows, team: Team, filters: Filters) -> Rows:
    """Those that match the filters, except for their period."""
    rows = rows.where("is_excluded", 0)
    if not filters.bots:
        # An agent's pull requests are the team's work.
        rows = rows.keep(lambda part: (part["is_bot"] == 0) | (part["ai"] == AGENT))
    if filters.written:
        kinds = [AIS.index(kind) for name in filters.written for kind in WRITTEN[name]]
        # One that was not read for marks is unknown.
        rows = rows.where("ai", *kinds).where("is_read", 1)
    if filters.tools:
        rows = rows.labelled(*map(code, filters.tools), column="ai_tools")
    if not filters.outsiders:
        rows = rows.where("is_external", 0)
    if filters.repository is not None:
        rows = rows.where("repository_id", filters.repository)
    if filters.repositories:
        rows = rows.keep(_is_in("repository_id", _named(team, filters.repositories)))
    if filters.sizes:
        rows = rows.where("size", *(SIZES.index(size) for size in filters.sizes))
    if filters.bases:
        rows = rows.where("base_branch", *map(code, filters.bases))
    for label in filters.labels:
        rows = rows.labelled(code(label))
    return _by_people(rows, team, filters)


def _by_people(rows: Rows, team: Team, filters: Filters) -> Rows:
    if filters.people:
        is_member = _is_in("author_id", _members(team, github_username__in=filters.people))
        is_called = _is_in("author_login", [code(login) for login in filters.people])
        is_outsider = _is_in("author_github_id", filters.accounts)
        rows = rows.keep(lambda part: is_member(part) | is_called(part) | is_outsider(part))
    if filters.groups:
        rows = rows.keep(_is_in("author_id", _members(team, groups__slug__in=filters.groups)))
    return rows


def _is_in(name: str, values: Sequence[int]) -> Test:
    wanted = np.array(list(values), np.int64)
    return lambda part: np.isin(part[name], wanted)


def _named(team: Team, names: Sequence[str]) -> list[int]:
    rows = Repository.objects.for_team(team).filter(full_name__in=names)
    keys = rows.values_list("pk", flat=True)
    return once(("repositories", team.pk, tuple(names)), lambda: list(keys))


def hidden(team: Team) -> list[int]:
    """The keys of people excluded by an admin."""
    return _members(team, is_hidden=True)


def _members(team: Team, **which: Any) -> list[int]:
    rows = TeamMember.objects.for_team(team).filter(**which).values_list("pk", flat=True)
    return once(("members", team.pk, str(which)), lambda: list(rows))
