"""Aggregates compared with a few lines of plain Python over the same rows, in random worlds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.metrics.figures import queries, waiting_queries
from apps.metrics.figures.counting import Spread
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import Choices, FilterForm, parse
from apps.metrics.models import PullRequest
from apps.metrics.pages.metrics_table import metrics_table
from apps.metrics.tests.factories import (
    NOON,
    Review,
    anyone,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.production_factories import make_application, make_deployment
from apps.teams.models import Team

ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
# Daylight saving time begins and ends within these days in New York and on Lord Howe.
BEGIN = datetime(2026, 2, 20, tzinfo=UTC)


def expected_percentile(values: Sequence[float], fraction: float) -> float | None:
    """Written independently, from the definition: linear between the closest ranks."""
    if not values:
        return None
    ordered = sorted(values)
    rank = fraction * (len(ordered) - 1)
    whole = int(rank // 1)
    if whole == len(ordered) - 1:
        return ordered[whole]
    return ordered[whole] * (1 - (rank - whole)) + ordered[whole + 1] * (rank - whole)


def assert_spread(found: Spread, values: Sequence[float]) -> None:
    assert found.count == len(values)
    for name, fraction in (("median", 0.5), ("p75", 0.75), ("p90", 0.9)):
        expected = expected_percentile(values, fraction)
        assert getattr(found, name) == (None if expected is None else pytest.approx(expected))


def filters_of(team: Team, address: str) -> Filters:
    form = FilterForm(QueryDict(address), Choices.for_viewer(anyone(team)))
    assert form.is_valid(), form.sentences
    return parse(form, team, queries.data_version(team).first_opened_at)


pull_requests = st.fixed_dictionaries(
    {
        "author": st.integers(0, 4),
        "repository": st.integers(0, 1),
        "opened": st.integers(0, 90 * 24 * 60),
        "ended": st.integers(0, 20 * 24 * 60),
        "state": st.sampled_from(["merged", "merged", "merged", "closed", "open"]),
        "commits": st.lists(st.integers(-40 * 24, 10), max_size=2),
        "reviews": st.lists(
            st.tuples(
                st.integers(0, 4),
                st.integers(0, 72),
                st.sampled_from(["approved", "commented", "changes_requested"]),
            ),
            max_size=3,
        ),
        "additions": st.integers(0, 700),
        "is_external": st.booleans(),
        "is_revert": st.booleans(),
    }
)


def store(team: Team, world: Sequence[dict[str, Any]]) -> None:
    people = [make_member(team, f"person-{number}") for number in range(3)]
    people.append(make_member(team, "helper", is_bot=True))
    everyone = [*people, None]
    repositories = [make_repository(team, "acme/shop"), make_repository(team, "acme/api")]
    # The data begins before each range, which would else begin where the data does.
    early = BEGIN - timedelta(days=400)
    make_pull_request(repositories[0], author=people[0], opened_at=early, state="closed", ended=1)
    for told in world:
        make_pull_request(
            repositories[told["repository"]],
            author=everyone[told["author"]],
            opened_at=BEGIN + timedelta(minutes=told["opened"]),
            ended=told["ended"] / 60,
            state=told["state"],
            commits=told["commits"],
            reviews=[Review(everyone[who], hours, state) for who, hours, state in told["reviews"]],
            additions=told["additions"],
            fields={"is_external": told["is_external"], "is_revert": told["is_revert"]},
        )


class Worlds(TestCase):
    """Each example in a transaction of its own."""

    @settings(
        max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        world=st.lists(pull_requests, max_size=14),
        zone=st.sampled_from(ZONES),
        first=st.integers(0, 60),
        days=st.integers(1, 70),
        address=st.sampled_from(["", "&bots=1", "&outsiders=0", "&repo=acme/api", "&size=L,XL"]),
    )
    def test_aggregates(
        self, world: list[dict[str, Any]], zone: str, first: int, days: int, address: str
    ) -> None:
        team = make_team(timezone=zone)
        store(team, world)
        begin = date(2026, 2, 20) + timedelta(days=first)
        end = begin + timedelta(days=days - 1)
        filters = filters_of(team, f"since={begin}&until={end}{address}")
        rows = chosen(team, address)

        (found, before), points = queries.figures_and_series(team, filters)
        assert queries.figures_and_before(team, filters) == (found, before)
        now = within(rows, begin, end, ZoneInfo(zone))
        assert_figures(found, now)
        assert found.per_week == pytest.approx(len(now) / (days / 7))
        earlier = begin - timedelta(days=days)
        day_before = begin - timedelta(days=1)
        assert_figures(before, within(rows, earlier, day_before, ZoneInfo(zone)))
        assert_figures(queries.figures(team, filters), now)
        assert_weeks(points, now, ZoneInfo(zone))
        assert_groups(team, filters, now)
        assert_waiting(waiting_queries.waiting(team, filters, oldest=2), rows)


def chosen(team: Team, address: str) -> list[PullRequest]:
    rows = list(PullRequest.objects.filter(team=team).select_related("repository"))
    rows = [row for row in rows if "bots" in address or not row.is_bot]
    if "outsiders" in address:
        rows = [row for row in rows if not row.is_external]
    if "repo" in address:
        rows = [row for row in rows if row.repository.full_name == "acme/api"]
    if "size" in address:
        rows = [row for row in rows if (row.lines or 0) > 200]
    return rows


def within(
    rows: Sequence[PullRequest], first: date, last: date, zone: ZoneInfo
) -> list[PullRequest]:
    return [
        row
        for row in rows
        if row.merged_at and first <= row.merged_at.astimezone(zone).date() <= last
    ]


def assert_figures(found: queries.Figures, rows: Sequence[PullRequest]) -> None:
    assert found.merged == len(rows)
    assert found.authors == len({row.author_github_id for row in rows} - {None})
    assert found.reviewed == sum(row.reviewer_count > 0 for row in rows)
    assert found.reverts == sum(row.is_revert for row in rows)
    assert sum(found.sizes.values()) == len(rows)
    assert_spread(found.lines, [row.lines or 0 for row in rows])
    for name, spread in found.spreads.items():
        counted = rows
        if name in ("cycle_time", "coding_time"):
            counted = [row for row in rows if not row.has_old_commit]
            assert spread.left_out == len(rows) - len(counted)
        values = [getattr(row, name) for row in counted]
        assert_spread(spread, [value for value in values if value is not None])


def assert_weeks(
    points: Sequence[queries.Point], rows: Sequence[PullRequest], zone: ZoneInfo
) -> None:
    weeks: dict[str, list[PullRequest]] = {}
    for row in rows:
        assert row.merged_at
        weeks.setdefault(f"{row.merged_at.astimezone(zone):%G-W%V}", []).append(row)
    assert {p.span.name for p in points if p.figures} == set(weeks)
    for point in points:
        if point.figures:
            assert_figures(point.figures, weeks[point.span.name])


def assert_groups(team: Team, filters: Filters, rows: Sequence[PullRequest]) -> None:
    for repository, found in queries.by_repository(team, filters).items():
        assert_figures(found, [row for row in rows if row.repository_id == repository.pk])
    for account, found in queries.by_author(team, filters).items():
        assert_figures(found, [row for row in rows if row.author_github_id == account])


def assert_waiting(groups: Sequence[waiting_queries.Waiting], rows: Sequence[PullRequest]) -> None:
    still_open = [row for row in rows if row.state == "open"]
    assert sum(group.count for group in groups) == len(still_open)
    for group in groups:
        of_group = [row for row in still_open if row.waiting_for == group.waiting_for]
        assert group.count == len(of_group)
        oldest = sorted(of_group, key=lambda row: (row.waiting_since, row.pk))[:2]
        assert list(group.oldest) == oldest


@pytest.mark.django_db
def test_it_works() -> None:
    team = make_team()
    bob = make_member(team, "bob")
    shop = make_repository(team)
    make_pull_request(shop, author=make_member(team, "alice"), reviews=[Review(bob, 2)])
    make_pull_request(shop, ended=20)

    found = queries.figures(team, filters_of(team, "since=2026-03-02&until=2026-03-08"))

    assert found.merged == 2
    assert found.per_week == 2
    assert found.coverage == 0.5
    assert found.spreads["cycle_time"].median == 15 * 3600


@pytest.mark.django_db
def test_a_team_without_data() -> None:
    team = make_team()
    found, before = queries.figures_and_before(team, filters_of(team, "range=all"))
    assert found.merged == before.merged == 0
    assert found.coverage is found.revert_rate is found.per_author is None
    assert found.spreads["cycle_time"].median is None
    assert [
        point.figures
        for point in queries.figures_and_series(team, filters_of(team, "range=all"))[1]
    ] == [None]
    assert waiting_queries.waiting(team, filters_of(team, "")) == []
    assert metrics_table(team, "acme/shop") is None


@pytest.mark.django_db
def test_the_last_day_belongs_to_the_range() -> None:
    team = make_team()
    evening = datetime(2026, 3, 8, 23, 59, 59, tzinfo=UTC)
    make_pull_request(make_repository(team), opened_at=evening, ended=0)
    assert queries.figures(team, filters_of(team, "since=2026-03-08&until=2026-03-08")).merged == 1
    assert queries.figures(team, filters_of(team, "since=2026-03-09&until=2026-03-09")).merged == 0


@pytest.mark.django_db
def test_the_turn_of_an_iso_year() -> None:
    team = make_team()
    shop = make_repository(team)
    make_pull_request(shop, state="open", opened_at=datetime(2020, 12, 1, 12, tzinfo=UTC))
    make_pull_request(shop, opened_at=datetime(2021, 1, 1, 12, tzinfo=UTC), ended=0)
    _, points = queries.figures_and_series(
        team, filters_of(team, "since=2020-12-21&until=2021-01-10")
    )
    assert [(point.span.name, bool(point.figures)) for point in points] == [
        ("2020-W52", False),
        ("2020-W53", True),
        ("2021-W01", False),
    ]


def test_a_percentage_needs_a_base() -> None:
    assert queries.Change.between(6, 4, base=4).percent is None
    assert queries.Change.between(6, 5, base=5).percent == pytest.approx(20)
    assert queries.Change.between(None, 5, base=5).percent is None
    assert queries.Change.between(5, None, base=5).percent is None


@pytest.mark.django_db
def test_another_team_s_rows_are_not_counted() -> None:
    make_pull_request(make_repository(make_team("Other")))
    team = make_team()
    assert queries.figures(team, filters_of(team, "range=all")).merged == 0


@pytest.mark.django_db
def test_labels_are_whole() -> None:
    team = make_team()
    shop = make_repository(team)
    make_pull_request(shop, fields={"labels": ["bug", "big, really"]})
    for address, count in (("bug", 1), ("bu", 0), ("big, really", 1)):
        found = queries.figures(team, filters_of(team, f"range=all&label={address}"))
        assert found.merged == count


@pytest.mark.django_db
def test_two_groups_count_a_person_once() -> None:
    team = make_team()
    alice = make_member(team, "alice")
    for number, slug in enumerate(("api", "web")):
        group = alice.groups.create(
            team=team, github_id=number, organization_id=1, slug=slug, name=slug
        )
        assert group
    make_pull_request(make_repository(team), author=alice)
    make_pull_request(make_repository(team, "acme/api"))
    assert queries.figures(team, filters_of(team, "range=all&group=api&group=web")).merged == 1


@pytest.mark.django_db
def test_months_for_long_periods() -> None:
    team = make_team()
    shop = make_repository(team)
    make_pull_request(shop, state="open", opened_at=NOON - timedelta(days=500))
    make_pull_request(shop, opened_at=NOON)
    _, points = queries.figures_and_series(
        team, filters_of(team, "since=2025-01-15&until=2026-03-31")
    )
    assert points[0].span.name == "2025-01"
    assert points[0].span.is_partial
    assert points[-1].figures
    assert len(points) == 15


@pytest.mark.django_db
def test_the_terminal_s_table() -> None:
    team = make_team()
    shop = make_repository(team)
    begin = timezone.now() - timedelta(days=20)
    carts = make_pull_request(shop, author=make_member(team, "alice"), opened_at=begin)
    helper = make_member(team, "helper", is_bot=True)
    make_pull_request(shop, author=helper, opened_at=begin + timedelta(days=1))
    make_pull_request(shop, state="open", opened_at=begin + timedelta(days=6))
    make_deployment(make_application(shop), begin + timedelta(days=8), [carts])

    table = metrics_table(team, "Acme/Shop")

    assert table
    assert (table.pull_requests, table.merged, table.open, table.by_bots) == (3, 2, 1, 1)
    assert table.figures.merged == 1
    assert table.weeks == pytest.approx(3, abs=0.2)
    assert table.figures.per_week == pytest.approx(1 / table.weeks)
    assert table.delivery
    assert table.delivery.per_week == pytest.approx(1 / table.weeks)
    assert table.stages["cycle_time"].median == 10 * 3600


@pytest.mark.django_db
def test_dates_the_wrong_way_round_are_swapped() -> None:
    team = make_team()
    make_pull_request(make_repository(team), opened_at=datetime(2026, 1, 5, tzinfo=UTC))
    filters = filters_of(team, "since=2026-02-02&until=2026-02-01")
    assert (filters.period.first, filters.period.last) == (date(2026, 2, 1), date(2026, 2, 2))
    assert filters.query == "since=2026-02-01&until=2026-02-02"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("range=week", "Choose 4w, 3m, 12m, all or dates as the range."),
        ("since=31.1.2026", "Write dates as 2026-01-31."),
        ("since=0001-01-01", "Choose dates between 1990 and 2199."),
        ("repo=acme/none", "There is no repository “acme/none” here."),
        ("person=nobody", "There is no person “nobody” here."),
        ("size=XXL", "There is no size “XXL” here."),
        ("label=%00", "That is not the name of a label."),
        ("outsiders=maybe", "Outsiders are 1 (in) or 0 (out)."),
    ],
)
def test_a_senseless_query(address: str, sentence: str) -> None:
    form = FilterForm(QueryDict(address), Choices.for_viewer(anyone(make_team())))
    assert form.sentences == [sentence]
