"""What changed beyond chance since the previous period, and what moved the cycle time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.metrics.calculations import changes, moved
from apps.metrics.calculations.changes import Verdict
from apps.metrics.calculations.moved import Moved, Part, Sample
from apps.metrics.figures import counting, masks
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import AIS, NONE, SIZES
from apps.metrics.figures.queries import DURATIONS, STAGES, Figures
from apps.metrics.figures.rows import Columns, Rows
from apps.metrics.filters import accounts
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
NO_VERDICT = Verdict(reason=changes.UNKNOWN)
OF_A_PERSON = Verdict(reason="nothing is judged of a single person")


@dataclass(frozen=True)
class Changes:
    """By field of the table of figures, whether it changed; or why nothing can be said."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    why_not: Verdict = NO_VERDICT

    def verdict(self, name: str) -> Verdict:
        """The verdict on a figure."""
        return self.verdicts.get(name, Verdict() if self.verdicts else self.why_not)


@dataclass(frozen=True)
class Causes:
    """What moved the mean cycle time: by stage, and by dimension, each group's contribution."""

    moved: Moved
    parts: Mapping[str, Sequence[Part[str]]] = field(default_factory=dict)


def compared(team: Team, filters: Filters, now: Figures, before: Figures) -> Changes:
    """The filters' period compared with the one before, given the figures of both."""
    if found := why_not(team, filters):
        return found
    if not begun(team, filters):
        return Changes()
    rows = [masks.merged(team, filters, period) for period in _periods(filters)]
    groups = [np.zeros(len(each), np.int64) for each in rows]
    [found] = between([now], [before], *zip(rows, groups, strict=True))
    return found


def why_not(team: Team, filters: Filters) -> Changes | None:
    """Why nothing can be judged under these filters; None if it can be."""
    if is_of_a_person(team, filters):
        return Changes(why_not=OF_A_PERSON)
    is_complete = filters.range != "all" and filters.coverage.is_complete
    return None if is_complete else Changes()


Grouped = tuple[Columns, Array]
"""Pull requests, and each one's group 0, 1, …"""


def between(
    now: Sequence[Figures], before: Sequence[Figures], mine: Grouped, former: Grouped
) -> list[Changes]:
    """What differs beyond chance in each group, from the figures and rows of both periods."""
    deviations = {name: _deviations(name, mine, former, len(now)) for name in DURATIONS}
    return [
        _changes(*both, {name: deviations[name][group] for name in DURATIONS})
        for group, both in enumerate(zip(now, before, strict=True))
    ]


def _deviations(name: str, now: Grouped, before: Grouped, number: int) -> list[float]:
    (values, groups), (former, former_groups) = (_counted(name, *each) for each in (now, before))
    is_now = np.arange(len(values) + len(former)) < len(values)
    of_both = np.concatenate([values, former]), is_now, np.concatenate([groups, former_groups])
    found: list[float] = changes.rank_sum_deviations(*of_both, number).tolist()
    return found


def _counted(name: str, rows: Columns, groups: Array) -> tuple[Array, Array]:
    counted = masks.counted(rows, name)
    return rows[name][counted], groups[counted]


def _changes(now: Figures, before: Figures, deviations: Mapping[str, float]) -> Changes:
    """Missing data is not zero."""
    if not now.merged or not before.merged:
        return Changes()
    merged = changes.of_counts(now.merged, before.merged)
    found = {"merged": merged, "merged_per_week": merged}
    for name, deviation in deviations.items():
        own, former = now.spreads[name], before.spreads[name]
        middles = (own.count, own.median), (former.count, former.median)
        found[name] = changes.of_ranked(*middles, deviation)
    for name, part in (("review_coverage", "reviewed"), ("revert_rate", "reverts")):
        shares = [(getattr(each, part), each.merged) for each in (now, before)]
        found[name] = changes.of_shares(*shares)
    return Changes(found)


def causes(team: Team, filters: Filters) -> Causes | None:
    """What moved the mean between both periods; None if either has no data."""
    now, before = (_young(masks.merged(team, filters, each)) for each in _periods(filters))
    if not len(now) or not len(before):
        return None
    samples = _sample(now), _sample(before)
    parts = {
        name: _parts(samples, dimension.keys(now), dimension.keys(before), dimension.name)
        for name, dimension in _dimensions(team, filters).items()
    }
    return Causes(moved.by_stage(*samples), parts)


def _parts(
    samples: tuple[Sample, Sample], now: Array, before: Array, name: Callable[[int], str]
) -> list[Part[str]]:
    """By group, each of which has a key."""
    keys, places = counting.different(np.concatenate([now, before]))
    found = moved.by_group(*samples, places[: len(now)], places[len(now) :])
    return [
        Part(name(int(keys[part.key])), part.within, part.mix, part.now, part.before)
        for part in found
    ]


def is_of_a_person(team: Team, filters: Filters) -> bool:
    """Whether the filters leave one person's work, also as the only member of a team."""
    if filters.people:
        return True
    members = TeamMember.objects.for_team(team).filter(groups__slug__in=filters.groups)
    return bool(filters.groups) and members.aggregate(n=accounts.people(team))["n"] <= 1


def _periods(filters: Filters) -> tuple[Period, Period]:
    return filters.period, filters.period.previous


def begun(team: Team, filters: Filters) -> set[int]:
    """The keys of the repositories that had pull requests before both periods."""
    start = filters.period.previous.start.timestamp()
    rows = masks.openings(team).keep(lambda part: part["opened_at"] <= start)
    of_any = Filters(
        filters.period,
        repositories=filters.repositories,
        repository=filters.repository,
        bots=True,
    )
    return set(masks.narrowed(rows, team, of_any)["repository_id"].tolist())


def _young(rows: Rows) -> Rows:
    return rows.where("has_old_commit", 0).keep(lambda part: part["cycle_time"] != NONE)


def _sample(rows: Rows) -> Sample:
    return Sample(rows["cycle_time"], {name: rows[name] for name in STAGES})


@dataclass(frozen=True)
class _Dimension:
    """How pull requests are grouped: each one's group, and the groups' names."""

    keys: Callable[[Rows], Array]
    name: Callable[[int], str]


def _dimensions(team: Team, filters: Filters) -> dict[str, _Dimension]:
    """All but those of which the filters leave only one group."""
    found = {"size": BY_SIZE, "team": _by_team(team), "written by": BY_WRITER}
    if filters.repository is None and len(filters.repositories) != 1:
        found = {"repository": _by_repository(team), **found}
    return found


def _by_one_of(column: str, names: Sequence[str]) -> _Dimension:
    """By a column with positions in a list of names; the last name is for -1."""
    kinds = list(dict.fromkeys(names))
    of = np.array([kinds.index(name) for name in names])
    return _Dimension(lambda rows: of[rows[column]], kinds.__getitem__)


BY_SIZE = _by_one_of("size", [*SIZES, UNKNOWN_SIZE])
BY_WRITER = _by_one_of("ai", [*(WRITERS[kind] for kind in AIS), UNKNOWN])


def _by_repository(team: Team) -> _Dimension:
    """By the repository's name; two with the same name are distinguished."""
    names = dict(Repository.objects.for_team(team).values_list("pk", "full_name"))
    return _Dimension(lambda rows: rows["repository_id"], lambda pk: names.get(pk, str(pk)))


def _by_team(team: Team) -> _Dimension:
    """By the author's teams; authors in several form groups of their own."""
    names = _names_of_teams(team)
    kinds = [NO_TEAM, *dict.fromkeys(names.values())]
    members = np.array(sorted(names), np.int64)
    of_members = np.array([kinds.index(names[member]) for member in sorted(names)], np.int64)

    def keys(rows: Rows) -> Array:
        authors = rows["author_id"]
        places = np.minimum(np.searchsorted(members, authors), max(len(members) - 1, 0))
        if not len(members):
            return np.zeros(len(authors), np.int64)
        return np.where(members[places] == authors, of_members[places], 0)

    return _Dimension(keys, kinds.__getitem__)


def _names_of_teams(team: Team) -> dict[int, str]:
    """By member, the joined names of their teams."""
    members: dict[int, list[str]] = {}
    groups = Group.objects.for_team(team)
    # Our own teams may overlap with GitHub's in any way.
    of_github = groups.filter(github_id__isnull=False)
    chosen = of_github if of_github.exists() else groups
    through = Group.members.through.objects.filter(group__in=chosen)
    named = through.order_by("group__name", "group").values_list(
        "teammember", "group__name", "group__slug"
    )
    rows = list(named)
    names = {(name, slug) for _, name, slug in rows}
    shared = Counter(name for name, _ in names)
    for member, name, slug in rows:
        members.setdefault(member, []).append(f"{name} ({slug})" if shared[name] > 1 else name)
    together = Counter(teams for teams, _ in _people(team, members))
    return {
        # No figure is attributed to a single person.
        member: " and ".join(teams) if together[tuple(teams)] > 1 else OF_ONE
        for member, teams in members.items()
    }


def _people(team: Team, members: Mapping[int, Sequence[str]]) -> set[tuple[tuple[str, ...], int]]:
    """People with their teams, given the teams of each member."""
    people = TeamMember.objects.for_team(team).filter(is_bot=False, groups__isnull=False)
    found = people.annotate(person=accounts.person(team)).values_list("pk", "person").distinct()
    return {(tuple(members[member]), person) for member, person in found if member in members}
