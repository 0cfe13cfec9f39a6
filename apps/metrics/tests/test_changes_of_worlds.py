"""What moved the cycle time, in random worlds and under every filter, by plain sums."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from apps.metrics.calculations import changes
from apps.metrics.calculations.changes import Verdict
from apps.metrics.figures import queries, side_by_side
from apps.metrics.figures.change_queries import OF_A_PERSON, OF_ONE, Changes, causes, compared
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.side_by_side import Former
from apps.metrics.filters.chosen import Coverage, Filters
from apps.metrics.models import Group, PullRequest, Repository, SamePerson
from apps.metrics.pages.measures import MEASURES
from apps.metrics.tests.factories import (
    NOON,
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.test_queries import filters_of
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
SINGLE = OF_A_PERSON.reason
RANGE = "since=2026-03-02&until=2026-03-29"
FILTERS = (
    *("", "&repo=acme/api", "&size=L,XL", "&bots=1", "&outsiders=0", "&group=web"),
    *("&group=web,api", "&base=main", "&label=ui"),
)


def make_world(seed: int) -> Team:
    """Two months of pull requests; people in no, one and two teams."""
    chance = random.Random(seed)
    team = make_team("World")
    repositories = [make_repository(team, f"acme/{name}") for name in ("api", "web", "docs")]
    people = [make_member(team, f"person-{n}") for n in range(5)]
    for number, (name, members) in enumerate((("web", people[:3]), ("api", people[2:4]))):
        group = Group.objects.create(
            team=team, github_id=number, organization_id=1, slug=name, name=name
        )
        group.members.set(members)
    make_pull_request(repositories[0], author=people[0], opened_at=NOON - timedelta(days=60))
    for _ in range(chance.randrange(2, 36)):
        ended = chance.choice([1, 5, 30, 200]) * chance.random()
        make_pull_request(
            chance.choice(repositories),
            author=chance.choice([*people, None]),
            opened_at=NOON + timedelta(days=chance.randrange(-28, 28)),
            ended=ended,
            commits=[-chance.randrange(1000) * chance.random()],
            reviews=[Review(chance.choice(people), ended * chance.random())],
            additions=chance.choice([5, 40, 150, 400, 900]),
            fields={
                "labels": chance.choice([[], ["ui"]]),
                "is_external": chance.random() < 0.1,
                "ai": chance.choice(["none", "assisted", None]),
            },
        )
    return team


@pytest.mark.parametrize("seed", range(8))
def test_parts_add_up_to_the_second_under_every_filter(seed: int) -> None:
    team = make_world(seed)
    for address in FILTERS:
        found = causes(team, filters := filters_of(team, RANGE + address))
        if found is None:
            continue
        now, before = plain(team, filters)
        cap = np.percentile([*now, *before], 95)
        means = [round(float(np.minimum(each, cap).mean())) for each in (now, before)]
        assert [found.moved.mean, found.moved.former_mean] == means
        assert sum(part.seconds for part in found.moved.stages) == means[0] - means[1]
        assert found.parts.keys() == {
            "size",
            "team",
            "written by",
            *(["repository"] * ("repo" not in address)),
        }
        for parts in found.parts.values():
            assert sum(part.seconds for part in parts) == means[0] - means[1]


@pytest.mark.parametrize("seed", range(3))
def test_each_compared_line_has_the_same_verdict_as_alone(seed: int) -> None:
    team = make_world(seed)
    repositories = list(Repository.objects.filter(team=team))
    groups = list(Group.objects.filter(team=team))
    members = side_by_side.members(groups)
    for address in FILTERS:
        filters = filters_of(team, RANGE + address)
        alone = [replace(filters, repository=each.pk) for each in repositories]
        keys = tuple(each.pk for each in repositories)
        lines = side_by_side.of_repositories(team, filters, keys)
        assert [outcome(line) for line in lines] == [on_its_own(team, each) for each in alone]
        if filters.groups:
            continue
        alone = [replace(filters, groups=[each.slug]) for each in groups]
        figures = [queries.figures(team, each) for each in alone]
        assert side_by_side.figures_of_teams(team, filters, [*members.values()]) == figures
        lines = side_by_side.of_teams(team, filters, members, figures)
        assert [outcome(line) for line in lines] == [on_its_own(team, each) for each in alone]


def outcome(line: Former) -> tuple[Figures, list[Verdict]]:
    return line.figures, [line.changes.verdict(name) for name in MEASURES]


def on_its_own(team: Team, filters: Filters) -> tuple[Figures, list[Verdict]]:
    return outcome(Former(queries.figures_and_before(team, filters)[1], judged(team, filters)))


def judged(team: Team, filters: Filters) -> Changes:
    return compared(team, filters, *queries.figures_and_before(team, filters))


def plain(team: Team, filters: Filters) -> tuple[Sequence[int], Sequence[int]]:
    """Cycle times of both periods from the database."""
    rows = [
        row
        for row in PullRequest.objects.filter(team=team, merged_at__isnull=False)
        .select_related("repository", "author")
        .prefetch_related("author__groups")
        if not row.has_old_commit and _is_let_through(row, filters)
    ]
    now, before = (
        [row.cycle_time for row in rows if row.merged_at and p.start <= row.merged_at < p.end]
        for p in (filters.period, filters.period.previous)
    )
    return now, before  # type: ignore[return-value]


def _is_let_through(row: PullRequest, filters: Filters) -> bool:
    groups = {group.slug for group in row.author.groups.all()} if row.author else set()
    return (
        (not row.is_bot or filters.bots)
        and (not row.is_external or filters.outsiders)
        and row.repository.full_name in (filters.repositories or [row.repository.full_name])
        and row.size in (filters.sizes or [row.size or ""])
        and row.base_branch in (filters.bases or [row.base_branch])
        and set(filters.labels) <= set(row.labels)
        and (not filters.groups or bool(groups & set(filters.groups)))
    )


def test_changes_need_complete_periods_and_several_people() -> None:
    team = make_team("Judged")
    repository, other = make_repository(team), make_repository(team, "acme/new")
    alice, bob = make_member(team, "alice"), make_member(team, "bob")
    make_pull_request(repository, author=alice, opened_at=NOON - timedelta(days=60))
    for day in range(-28, 28):
        for author in (alice, bob):
            slow = {"opened_at": NOON + timedelta(days=day), "ended": 40 if day < 0 else 4}
            make_pull_request(other if day > -20 else repository, author=author, **slow)

    def outcome(address: str, name: str = "cycle_time", **coverage: bool) -> str:
        filters = replace(filters_of(team, address), coverage=Coverage(**coverage))
        found = judged(team, filters).verdict(name)
        return found.direction or found.reason

    assert outcome(RANGE) == "lower"
    assert outcome(RANGE, "time_to_merge") == "lower"
    assert outcome(RANGE, "merged") == changes.CHANCE
    assert outcome(RANGE, "size") == changes.NOT_TESTED
    assert outcome(RANGE, is_stopped=True) == outcome(RANGE, begins_before=True) == changes.UNKNOWN
    assert outcome("range=all") == changes.UNKNOWN
    assert (
        outcome(f"{RANGE}&repo=acme/new") == changes.UNKNOWN
    )  # it began within the previous period
    assert "single person" in outcome(f"{RANGE}&person=alice")
    group = Group.objects.create(team=team, github_id=1, organization_id=1, slug="one", name="One")
    group.members.set([alice])
    assert "single person" in outcome(f"{RANGE}&group=one")
    group.members.add(bob)
    assert outcome(f"{RANGE}&group=one") == "lower"
    # Missing data in the previous period is not zero.
    assert outcome("since=2025-12-01&until=2026-02-01", "merged") == changes.UNKNOWN
    filters = filters_of(team, RANGE)
    _, new = side_by_side.of_repositories(team, filters, (repository.pk, other.pk))
    assert new.changes.verdict("cycle_time").reason == changes.UNKNOWN
    lone = Group.objects.create(team=team, slug="lone", name="Lone")
    lone.members.set([alice])
    assert cycle_times(team, filters, group, lone) == ["lower", SINGLE]


def cycle_times(team: Team, filters: Filters, *groups: Group) -> list[str]:
    """What is said of the cycle time of each team."""
    members = side_by_side.members(groups)
    figures = side_by_side.figures_of_teams(team, filters, [*members.values()])
    found = side_by_side.of_teams(team, filters, members, figures)
    verdicts = [each.changes.verdict("cycle_time") for each in found]
    return [verdict.direction or verdict.reason for verdict in verdicts]


def test_several_accounts_are_one_person(team: Team) -> None:
    alice, bob = make_member(team, "alice"), make_member(team, "bob")
    robot = make_member(team, "robot", is_bot=True)
    repository = make_repository(team)
    for day in (-60, *range(-28, 28)):
        slow = {"opened_at": NOON + timedelta(days=day), "ended": 40 if day < 0 else 4}
        make_pull_request(repository, author=alice if day % 2 else bob, **slow)
    groups = [Group.objects.create(team=team, slug=slug, name=slug) for slug in ("all", "two")]
    groups[0].members.set([alice, bob, robot])
    groups[1].members.set([alice, bob])
    filters = filters_of(team, RANGE)
    assert cycle_times(team, filters, *groups) == ["lower", "lower"]
    SamePerson.objects.create(team=team, member=alice, github_id=bob.github_id, is_same=True)
    assert cycle_times(team, filters, *groups) == [SINGLE, SINGLE]
    for slug in ("all", "two"):
        found = judged(team, filters_of(team, f"{RANGE}&group={slug}"))
        assert found.verdict("cycle_time").reason == SINGLE
    parts = causes(team, filters)
    assert parts
    assert {part.key for part in parts.parts["team"]} == {OF_ONE}
