"""Who wrote what was merged, and how agents' work compares with people's.

Only pull requests whose texts were read count in a share. Every share is a lower bound: people who
switch a tool's marks off leave none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from apps.metrics.calculations import ai_marks, own_marks
from apps.metrics.figures import counting, masks, names, side_by_side
from apps.metrics.figures.arrays import Array, code
from apps.metrics.figures.columns import AIS, NONE, WAITING
from apps.metrics.figures.rows import Below, Columns, Rows, Some, Test
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.viewer import groups_of_several
from apps.metrics.models import Group, Repository
from apps.teams.models import Team

PEOPLE, DESCRIBED, ASSISTED, AGENT = range(len(AIS))
REVERTED_WITHIN = 30 * 86_400
SMALLEST_CELL = 5


@dataclass(frozen=True)
class Written:
    """Numbers of merged pull requests by who wrote them; `unknown` ones were not read for marks."""

    people: int = 0
    described: int = 0
    assisted: int = 0
    agents: int = 0
    unknown: int = 0

    @property
    def known(self) -> int:
        """The denominator of the shares."""
        return self.people + self.described + self.assisted + self.agents

    @property
    def marked(self) -> int:
        """How many were written by an agent, or by a person with an assistant."""
        return self.assisted + self.agents

    def share(self, part: int) -> float | None:
        """The share among those read."""
        return part / self.known if self.known else None


@dataclass(frozen=True)
class Tool:
    """Merged pull requests with marks of a tool."""

    name: str
    pull_requests: int
    agents: int


@dataclass(frozen=True)
class Reviewer:
    """Reviews by an AI in the period, and on how many pull requests; `account` is GitHub's id."""

    login: str
    reviews: int
    pull_requests: int
    account: int


@dataclass(frozen=True)
class Reviewed:
    """Merged pull requests that an AI reviewed: how often it was first, or no person followed."""

    merged: int
    by_ai: int
    ai_first: int
    by_ai_alone: int


@dataclass(frozen=True)
class Overview:
    """All that the page shows of a period's merged pull requests."""

    overall: Written
    spans: Sequence[Written]
    tools: Sequence[Tool]
    repositories: Sequence[tuple[Repository, Written]]
    groups: Sequence[tuple[Group, Written]]
    reviewed: Reviewed
    reviewers: Sequence[Reviewer]
    waiting: int
    """Open ones by agents, ready, that no person has reviewed."""


@shared
def overview(team: Team, filters: Filters) -> Overview:
    """Of the filters' period."""
    rows = masks.merged(team, filters, filters.period)
    begins = [each.timestamp() for each in filters.period.boundaries()]
    number = len(filters.period.spans())
    everything = masks.pull_requests(team, filters)
    agents = everything.where("state", masks.OPEN).where("ai", AGENT).where("is_read", 1)
    unseen = agents.keep(lambda part: part["waiting_for"] != WAITING.index("draft"))
    waiting = unseen.where("reviewer_count", 0)
    return Overview(
        overall=_written(rows, np.zeros(len(rows), np.int64), 1)[0],
        spans=_written(rows, counting.bins(rows["merged_at"], begins), number),
        tools=_tools(team, rows),
        repositories=_repositories(team, rows),
        groups=_groups(team, rows),
        reviewed=_reviewed(rows),
        reviewers=_reviewers(team, filters),
        waiting=len(waiting),
    )


def of_rows(rows: Rows) -> Written:
    """The counts of these pull requests together."""
    return _written(rows, np.zeros(len(rows), np.int64), 1)[0]


def _written(rows: Columns, groups: Array, number: int) -> list[Written]:
    is_known = (rows["is_read"] == 1) & (rows["ai"] >= 0)
    known = counting.table(groups[is_known], number, rows["ai"][is_known], len(AIS))
    unknown = counting.counts(groups[~is_known], number)
    return [Written(*map(int, (*each, more))) for each, more in zip(known, unknown, strict=True)]


def tools(team: Team) -> set[str]:
    """The names of the tools that write code: the table's and the team's own."""
    lines = (*team.ai_logins, *team.ai_trailers, *team.ai_branches, *team.ai_labels)
    return {*ai_marks.TOOLS, *own_marks.read(lines).values()}


def _tools(team: Team, rows: Rows) -> list[Tool]:
    """By name; texts are codes of lists, each of which has some tools."""
    marked = rows.where("ai", ASSISTED, AGENT).where("is_read", 1)
    found = []
    for name in sorted(tools(team)):
        mine = marked.labelled(code(name), column="ai_tools")
        if len(mine):
            found.append(Tool(name, len(mine), int((mine["ai"] == AGENT).sum())))
    return sorted(found, key=lambda each: -each.pull_requests)


def _repositories(team: Team, rows: Rows) -> list[tuple[Repository, Written]]:
    known = {row.pk: row for row in Repository.objects.for_team(team)}
    groups, keys = counting.grouped(rows["repository_id"])
    found = zip(keys, _written(rows, groups, len(keys)), strict=True)
    named = [(known[pk], written) for (pk,), written in found if pk in known]
    return sorted(named, key=lambda each: (each[0].full_name, each[0].pk))


def _groups(team: Team, rows: Rows) -> list[tuple[Group, Written]]:
    """By all who count as authors; a person in two teams counts in both."""
    # Figures of a single person are left out if they are private.
    private = team.are_people_private
    groups = list(groups_of_several(team) if private else Group.objects.for_team(team))
    members = side_by_side.members(groups)
    places, which = counting.among(rows["author_id"], [members[group.pk] for group in groups])
    found = zip(groups, _written(Some(rows, places), which, len(groups)), strict=True)
    return [(group, written) for group, written in found if written.known or written.unknown]


def _by_ai(part: Columns) -> Array:
    found: Array = part["ai_reviews"] > 0
    return found


def _by_ai_first(part: Columns) -> Array:
    first = part["first_review_at"]
    is_first: Array = (first == NONE) | (part["first_ai_review_at"] < first)
    return _by_ai(part) & is_first


def _by_ai_alone(part: Columns) -> Array:
    is_alone: Array = part["reviewer_count"] == 0
    return _by_ai(part) & is_alone


BY_AI: Mapping[str, Test] = {
    "ai-reviewed": _by_ai,
    "ai-first": _by_ai_first,
    "ai-alone": _by_ai_alone,
}
"""Masks of what an AI reviewed, by their names in the URLs of lists."""


def _reviewed(rows: Rows) -> Reviewed:
    return Reviewed(len(rows), *(len(rows.keep(mask)) for mask in BY_AI.values()))


def _reviewers(team: Team, filters: Filters) -> list[Reviewer]:
    """For reviews submitted in the period."""
    found = _ai_reviews(team, filters)
    accounts, groups = counting.different(found["account"])
    reviews = counting.counts(groups, len(accounts))
    on = counting.distinct(found.pull_requests, groups, len(accounts))
    # In order of group and time, so that the last of each group is its latest.
    order = np.lexsort((found["id"], found["submitted_at"], groups))
    latest = found["id"][order[np.cumsum(reviews) - 1]] if len(accounts) else groups
    called = names.reviewers(latest)
    each = [
        Reviewer(login or "", count, different, 0 if account == NONE else account)
        for login, count, different, account in zip(
            called, reviews, on, accounts.tolist(), strict=True
        )
    ]
    return sorted(each, key=lambda one: (-one.reviews, one.login))


def reviewer(team: Team, filters: Filters, account: int) -> Reviewer | None:
    """An AI's, by GitHub's id; None if it reviewed nothing."""
    found = (each for each in _reviewers(team, filters) if each.account == account)
    return next(found, None)


def reviewed_by(team: Team, filters: Filters, account: int) -> Array:
    """The keys of the pull requests that an AI reviewed in the period."""
    found = _ai_reviews(team, filters)
    keys: Array = found.keep(found["account"] == (account or NONE))["pull_request_id"]
    return keys


def _ai_reviews(team: Team, filters: Filters) -> Below:
    """Those by AIs, submitted in the period on pull requests that match the filters."""
    return masks.pull_requests(team, filters).below("ai_reviews", *masks.ends(filters.period))


@dataclass(frozen=True)
class Compared:
    """A mean of each group over the same cells, weighted by the agents' distribution.

    `means` by who wrote it; `rows` counts each group within the cells, `left_out` outside them.
    """

    means: Mapping[int, float] = field(default_factory=dict)
    cells: int = 0
    rows: Mapping[int, int] = field(default_factory=dict)
    left_out: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Agents' work compared with people's, within the same repository and size class."""

    groups: tuple[int, ...]
    figures: Mapping[str, Compared]


@shared
def comparison(team: Team, filters: Filters, now: datetime) -> Comparison:
    """For pull requests closed in the period, merged ones included."""
    begin, end = masks.ends(filters.period)
    everything = masks.pull_requests(team, filters).where("is_read", 1)
    closed = everything.where("state", masks.MERGED, masks.CLOSED).between("closed_at", begin, end)
    merged = everything.where("state", masks.MERGED).between("merged_at", begin, end)
    groups: tuple[int, ...] = (AGENT, ASSISTED, PEOPLE)
    found = _compared(team, groups, closed, merged, now)
    if not any(each.cells for each in found.values()):
        groups = (AGENT, PEOPLE)
        found = _compared(team, groups, closed, merged, now)
    return Comparison(groups, found)


def _compared(
    team: Team, groups: tuple[int, ...], closed: Rows, merged: Rows, now: datetime
) -> dict[str, Compared]:
    young = merged.where("has_old_commit", 0)
    old = merged.keep(lambda part: part["merged_at"] < now.timestamp() - REVERTED_WITHIN)
    return {
        "merge_rate": standardised(closed, closed["state"] == masks.MERGED, groups),
        "pickup_time": _of_durations(merged, "pickup_time", groups),
        "cycle_time": _of_durations(young, "cycle_time", groups),
        "review_rounds": standardised(merged, merged["review_rounds"], groups),
        "reverted": standardised(old, _is_reverted(team, old), groups),
        "unreviewed": standardised(merged, merged["reviewer_count"] == 0, groups),
    }


def _of_durations(rows: Rows, name: str, groups: tuple[int, ...]) -> Compared:
    """Each duration is capped at the 95th percentile of all that are compared."""
    rows = rows.keep(lambda part: (part[name] != NONE) & np.isin(part["ai"], groups))
    values = rows[name]
    cap = np.percentile(values, 95) if len(values) else 0
    return standardised(rows, np.minimum(values, cap), groups)


def _is_reverted(team: Team, rows: Rows) -> Array:
    """Which of them were reverted by another merged pull request within thirty days."""
    reverts = masks.all_of(team).where("state", masks.MERGED)
    reverts = reverts.keep(lambda part: part["reverts_id"] != NONE)
    order = np.argsort(reverts["merged_at"], kind="stable")
    targets, firsts = np.unique(reverts["reverts_id"][order], return_index=True)
    times = reverts["merged_at"][order][firsts]
    places = np.minimum(np.searchsorted(targets, rows["id"]), max(len(targets) - 1, 0))
    if not len(targets):
        return np.zeros(len(rows), bool)
    is_target: Array = targets[places] == rows["id"]
    is_soon: Array = times[places] - rows["merged_at"] <= REVERTED_WITHIN
    return is_target & is_soon


def standardised(rows: Rows, values: Array, groups: tuple[int, ...]) -> Compared:
    """Means over cells of repository and size in which each group has at least five."""
    is_in = np.isin(rows["ai"], groups) & (rows["size"] >= 0)
    kinds = rows["ai"][is_in].astype(np.int64)
    values = np.asarray(values, np.float64)[is_in]
    cells, keys = counting.grouped(rows["repository_id"][is_in], rows["size"][is_in])
    number = len(keys)
    counts = {g: np.bincount(cells[kinds == g], minlength=number) for g in groups}
    if not number:
        return Compared()
    used = np.all([counts[group] >= SMALLEST_CELL for group in groups], axis=0)
    weights = counts[AGENT][used].astype(np.float64)
    total = weights.sum()
    means = {}
    for group in groups:
        mine = kinds == group
        sums = np.bincount(cells[mine], weights=values[mine], minlength=number)[used]
        if total:
            means[group] = float((sums / counts[group][used] * weights).sum() / total)
    inside = {group: int(counts[group][used].sum()) for group in groups}
    outside = {group: int((rows["ai"] == group).sum()) - inside[group] for group in groups}
    return Compared(means, int(used.sum()), inside, outside)
