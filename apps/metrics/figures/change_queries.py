"""What changed against the period before beyond chance, and what moved the cycle time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.metrics.calculations import changes, moved
from apps.metrics.calculations.changes import Verdict
from apps.metrics.calculations.moved import Moved, Part, Sample
from apps.metrics.figures import masks
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import AIS, NONE, SIZES
from apps.metrics.figures.masks import FROM_FIRST_COMMIT
from apps.metrics.figures.queries import DURATIONS, STAGES
from apps.metrics.figures.rows import Rows, Some
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Group, Repository, TeamMember
from apps.teams.models import Team

WRITERS = {
    "none": "people",
    "described": "people",
    "assisted": "people with an assistant",
    "agent": "agents",
}
UNKNOWN = "not read for marks yet"
NO_TEAM, OF_ONE, UNKNOWN_SIZE = "no team", "others", "size not known"
UNTOLD = Verdict(reason=changes.UNKNOWN)
OF_A_PERSON = Verdict(reason="nothing is judged of a single person")


@dataclass(frozen=True)
class Changes:
    """By field of the table of figures whether it changed; where nothing can be told, why."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    why_not: Verdict = UNTOLD

    def verdict(self, name: str) -> Verdict:
        """Of a figure."""
        return self.verdicts.get(name, Verdict() if self.verdicts else self.why_not)


@dataclass(frozen=True)
class Causes:
    """What moved the mean cycle time: by stage, and by dimension what each group contributed."""

    moved: Moved
    parts: Mapping[str, Sequence[Part[str]]] = field(default_factory=dict)


def compared(team: Team, filters: Filters) -> Changes:
    """The filters' period against the one before."""
    if found := why_not(team, filters):
        return found
    if not len(begun(team, filters)):
        return Changes()
    return between(*(masks.merged(team, filters, period) for period in _periods(filters)))


def why_not(team: Team, filters: Filters) -> Changes | None:
    """Why nothing can be judged under these filters; None where it can be."""
    if is_of_a_person(team, filters):
        return Changes(why_not=OF_A_PERSON)
    is_whole = filters.range != "all" and filters.coverage.is_whole
    return None if is_whole else Changes()


def between(now: Rows | Some, before: Rows | Some) -> Changes:
    """What differs beyond chance; no data is no zero."""
    return Changes(_verdicts(now, before)) if len(now) and len(before) else Changes()


def causes(team: Team, filters: Filters) -> Causes | None:
    """What moved the mean between both periods; None where either has nothing."""
    now, before = (_young(masks.merged(team, filters, each)) for each in _periods(filters))
    if not len(now) or not len(before):
        return None
    samples = _sample(now), _sample(before)
    parts = {
        name: moved.by_group(*samples, find(now), find(before))
        for name, find in _dimensions(team, filters).items()
    }
    return Causes(moved.by_stage(*samples), parts)


def is_of_a_person(team: Team, filters: Filters) -> bool:
    """Whether the filters leave one person's work, also as the only member of a team."""
    if filters.people:
        return True
    members = TeamMember.objects.for_team(team).filter(groups__slug__in=filters.groups)
    return bool(filters.groups) and members.distinct().count() <= 1


def _periods(filters: Filters) -> tuple[Period, Period]:
    return filters.period, filters.period.previous


def begun(team: Team, filters: Filters) -> Rows:
    """What the repositories had before both periods."""
    of_any = replace(filters, groups=(), bases=(), labels=(), sizes=(), bots=True, outsiders=True)
    start = filters.period.previous.start.timestamp()
    rows = masks.all_of(team).keep(lambda part: part["opened_at"] <= start)
    return masks.narrowed(rows, team, of_any)


def _verdicts(now: Rows | Some, before: Rows | Some) -> dict[str, Verdict]:
    whole, former = len(now), len(before)
    merged = changes.of_counts(whole, former)
    found = {"merged": merged, "merged_per_week": merged}
    for name in DURATIONS:
        found[name] = changes.of_durations(_values(now, name), _values(before, name))
    for name, column in (("review_coverage", "reviewer_count"), ("revert_rate", "is_revert")):
        part, former_part = (int((rows[column] > 0).sum()) for rows in (now, before))
        found[name] = changes.of_shares((part, whole), (former_part, former))
    return found


def _values(rows: Rows | Some, name: str) -> Any:
    values = rows[name]
    there = values != NONE
    if name in FROM_FIRST_COMMIT:
        there &= rows["has_old_commit"] == 0
    return values[there]


def _young(rows: Rows) -> Rows:
    return rows.where("has_old_commit", 0).keep(lambda part: part["cycle_time"] != NONE)


def _sample(rows: Rows) -> Sample:
    return Sample(rows["cycle_time"], {name: rows[name] for name in STAGES})


def _dimensions(team: Team, filters: Filters) -> dict[str, Any]:
    """How pull requests are grouped: all but by what the filters leave only one of."""
    found: dict[str, Any] = {"size": _by_size, "team": _Teams(team), "written by": _by_writer}
    if filters.repository is None and len(filters.repositories) != 1:
        found = {"repository": _Repositories(team), **found}
    return found


def _by_writer(rows: Rows) -> list[str]:
    return [WRITERS.get(AIS[ai], UNKNOWN) if ai >= 0 else UNKNOWN for ai in rows["ai"].tolist()]


def _by_size(rows: Rows) -> list[str]:
    return [SIZES[size] if size >= 0 else UNKNOWN_SIZE for size in rows["size"].tolist()]


class _Repositories:
    """By the name of each pull request's repository; two that share one are told apart."""

    def __init__(self, team: Team) -> None:
        self.names = dict(Repository.objects.for_team(team).values_list("pk", "full_name"))

    def __call__(self, rows: Rows) -> list[str]:
        return [self.names.get(pk, str(pk)) for pk in rows["repository_id"].tolist()]


class _Teams:
    """By the teams of each author; who is in several is in a group of its own with others so."""

    def __init__(self, team: Team) -> None:
        members: dict[int, list[str]] = {}
        groups = Group.objects.for_team(team)
        # Ours may overlap with GitHub's in any way.
        of_github = groups.filter(github_id__isnull=False)
        chosen = of_github if of_github.exists() else groups
        through = Group.members.through.objects.filter(group__in=chosen)
        named = through.order_by("group__name", "group").values_list(
            "teammember", "group__name", "group__slug"
        )
        rows = list(named)
        names = [(name, slug) for _, name, slug in rows]
        for member, name, slug in rows:
            is_shared = any(n == name and s != slug for n, s in names)
            members.setdefault(member, []).append(f"{name} ({slug})" if is_shared else name)
        together = Counter(tuple(teams) for teams in members.values())
        self.names = {
            # None of this is shown for a single person.
            member: " and ".join(teams) if together[tuple(teams)] > 1 else OF_ONE
            for member, teams in members.items()
        }

    def __call__(self, rows: Rows) -> list[str]:
        authors: Array = rows["author_id"]
        return [self.names.get(author, NO_TEAM) for author in authors.tolist()]
