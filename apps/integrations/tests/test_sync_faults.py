"""How a sync handles every fault of GitHub."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from apps.integrations.models import (
    IntegrationCredential,
    Lease,
    RateBudget,
    StalePullRequest,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.sync import schedule
from apps.integrations.tests import comparison
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, set_up, work
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.acts import act
from github_simulator.truth import truth

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(stage: Stage) -> Place:
    """A repository with three pages of work."""
    place = stage.track("shop")
    place.open_many(80, newest=ago(days=1), every=timedelta(hours=5))
    return place


def assert_whole(stage: Stage) -> None:
    """The sync is complete, and equals GitHub's data."""
    for row in TrackedRepository.objects.for_team(stage.team):
        assert (row.status, row.error, row.failures) == (SyncStatus.COMPLETE, "", 0)
        there = stage.github.simulator.world.repositories[row.github_repo_id]
        assert comparison.differences(row.repository, truth(there)) == []


def until(at: datetime | None) -> timedelta:
    assert at is not None
    return at - datetime.now(UTC)


def test_it_works(stage: Stage, shop: Place) -> None:
    shop.strike("server_error", times=1)
    run = stage.sync()
    assert stage.tracked().status == SyncStatus.WAITING
    assert run.finished_at is None
    let_time_pass(seconds=2)
    work()
    assert_whole(stage)


@pytest.mark.parametrize(
    "kind", ["server_error", "cut", "half_body", "null_data", "resource_limits", "partial_data"]
)
def test_a_passing_fault_costs_nothing_but_time(stage: Stage, shop: Place, kind: str) -> None:
    shop.strike(kind, nth=2)
    stage.sync()
    let_time_pass(seconds=2)
    work()
    assert_whole(stage)


@pytest.mark.parametrize("kind", ["shifted_page", "duplicated_page"])
def test_pages_that_shift_or_repeat(stage: Stage, shop: Place, kind: str) -> None:
    shop.strike(kind, times=2)
    stage.sync()
    assert_whole(stage)


def test_a_list_without_progress_is_not_followed_forever(stage: Stage, shop: Place) -> None:
    shop.strike("shifted_page")
    with stage.counted() as asked:
        stage.sync()
    assert asked.requests < 10
    assert stage.tracked().status == SyncStatus.WAITING
    shop.heal()
    let_time_pass(seconds=2)
    work()
    assert_whole(stage)


@pytest.mark.parametrize("kind", ["server_error", "null_data", "resource_limits"])
def test_the_page_shrinks_where_github_gives_up_and_grows_again(
    stage: Stage, shop: Place, kind: str
) -> None:
    shop.strike(kind, times=2)
    stage.sync()
    for _ in range(2):
        let_time_pass(seconds=5)
        work()
    assert_whole(stage)
    pages = SyncRun.objects.get().pages
    assert pages > 80 // 25 + 1
    assert stage.tracked().page_size > 25 // 4


def test_the_page_stays_where_the_connection_fails(stage: Stage, shop: Place) -> None:
    shop.strike("cut", times=1)
    stage.sync()
    assert stage.tracked().page_size == 25


def test_failures_in_a_row_wait_longer_and_end_in_a_sentence(stage: Stage, shop: Place) -> None:
    shop.strike("cut")
    stage.sync()
    first = until(stage.tracked().due_at)
    for _ in range(5):
        let_time_pass(hours=1)
        work()
    assert until(stage.tracked().due_at) > 4 * first
    for _ in range(2):
        let_time_pass(hours=1)
        work()
    row, run = stage.tracked(), SyncRun.objects.get()
    assert row.status == run.status == SyncStatus.ERROR
    assert "It is retried automatically." in row.error
    assert run.finished_at
    shop.heal()
    let_time_pass(hours=2)
    work()
    assert_whole(stage)


def test_nothing_is_asked_while_a_repository_waits(stage: Stage, shop: Place) -> None:
    stage.sync()
    mark_all_stale(stage)
    shop.strike("cut")
    work()
    with stage.counted() as asked:
        work()
    assert asked.requests == 0
    shop.heal()
    let_time_pass(seconds=30)
    work()
    assert_whole(stage)
    assert not StalePullRequest.objects.exists()


def mark_all_stale(stage: Stage) -> None:
    from apps.integrations.sync import stale

    rows = PullRequest.objects.filter(repository__full_name="acme/shop")
    pairs = rows.values_list("number", "node_id")
    stale.mark(stage.tracked("shop"), pairs, ago())


@pytest.mark.parametrize("newer", [False, True])
def test_a_spent_budget_is_waited_for(stage: Stage, shop: Place, newer: bool) -> None:
    stage.track("other").open(ago(days=1))
    shop.strike("primary_limit", newer=newer, seconds=1800, times=1)
    run = stage.sync()
    rows = list(TrackedRepository.objects.all())
    assert {row.status for row in rows} == {SyncStatus.WAITING}
    assert all(timedelta(minutes=29) < until(row.due_at) < timedelta(minutes=31) for row in rows)
    assert all("rate limit" in row.error for row in rows)
    assert run.waits >= 1
    with stage.counted() as asked:
        work()
    assert asked.requests == 0
    let_time_pass(minutes=31)
    work()
    assert_whole(stage)


def test_the_last_tenth_of_the_budget_is_kept_for_live_changes(stage: Stage, shop: Place) -> None:
    pull = shop.open(ago(days=1))
    stage.sync()
    RateBudget.objects.update(remaining=400)
    stage.github.simulator.limits.charge(small.ADA, "graphql", 4600)
    stage.track("history").open(ago(days=200))
    stage.begin()
    actions.edit(shop.deed(), pull, "title", "Changed just now")
    mark_all_stale(stage)
    work()
    assert stage.row(pull).title == "Changed just now"
    assert stage.tracked("history").status == SyncStatus.WAITING


@pytest.mark.parametrize(("given", "expected"), [(90, 90), (None, 60)])
def test_a_secondary_limit_is_waited_for(
    stage: Stage, shop: Place, given: float | None, expected: int
) -> None:
    shop.strike("secondary_limit", seconds=given, times=1)
    stage.sync()
    row = stage.tracked()
    assert row.status == SyncStatus.WAITING
    assert abs(until(row.due_at).total_seconds() - expected) < 10
    let_time_pass(seconds=expected + 10)
    work()
    assert_whole(stage)


def test_a_second_limit_in_a_row_waits_twice_as_long(stage: Stage, shop: Place) -> None:
    for number in range(5):
        stage.track(f"other-{number}").open(ago(days=1))
    shop.strike("secondary_limit", status=403)
    stage.sync()
    let_time_pass(seconds=61)
    work()
    waits = [until(row.due_at).total_seconds() for row in TrackedRepository.objects.all()]
    assert all(100 < wait < 130 for wait in waits)


def test_a_revoked_token_stops_everything_with_a_sentence(stage: Stage, shop: Place) -> None:
    stage.track("other").open(ago(days=1))
    act(shop.github.simulator, "revoke_token", {"token": shop.github.token})
    with stage.counted() as asked:
        run = stage.sync()
    assert asked.requests == 2
    assert run.status == SyncStatus.ERROR
    assert "Connect GitHub again" in run.error
    assert IntegrationCredential.objects.get().rejected_at
    assert {row.status for row in TrackedRepository.objects.all()} == {SyncStatus.ERROR}
    with stage.counted() as asked:
        again = stage.sync()
    assert asked.requests == 0
    assert again.status == SyncStatus.ERROR


def test_a_token_that_was_refused_by_mistake(stage: Stage, shop: Place) -> None:
    shop.strike("unauthorized", times=1)
    stage.sync()
    assert_whole(stage)


def test_an_organisation_that_denies_access(stage: Stage, shop: Place) -> None:
    sso = {"organization": "acme"}
    act(shop.github.simulator, "require_sso", sso)
    run = stage.sync()
    assert run.status == SyncStatus.ERROR
    assert "single sign-on" in run.error
    act(shop.github.simulator, "require_sso", {**sso, "on": False})
    stage.sync()
    assert_whole(stage)


def test_a_repository_that_is_gone_stops_no_other(stage: Stage, shop: Place) -> None:
    other = stage.track("other")
    other.open(ago(days=1))
    stage.sync()
    act(shop.github.simulator, "delete_repository", {"repository": "acme/shop"})
    mark_all_stale(stage)
    other.open(ago(hours=1))
    stage.poll()
    assert stage.tracked("shop").status == SyncStatus.ERROR
    assert "GitHub no longer shows this repository." in stage.tracked("shop").error
    assert PullRequest.objects.filter(repository__full_name="acme/shop").count() == 80
    assert stage.tracked("other").status == SyncStatus.COMPLETE
    assert SyncRun.objects.filter(finished_at=None).count() == 0


def test_a_hundred_failing_repositories_do_not_stop_the_poll_of_others(stage: Stage) -> None:
    places = [stage.track(f"service-{n}") for n in range(101)]
    TrackedRepository.objects.update(
        status=SyncStatus.COMPLETE, watermark=ago(hours=1), history_complete=True, due_at=None
    )
    for place in (places[0], places[100]):
        place.open(ago(minutes=1))
    places[0].strike("cut", times=1)
    stage.poll()
    assert PullRequest.objects.get().repository.full_name == "acme/service-100"
    stage.poll()
    assert PullRequest.objects.count() == 2


def test_a_value_that_cannot_be_stored_is_missing_and_requested_again(
    stage: Stage, shop: Place
) -> None:
    bad = shop.repository.pull_requests[40]
    bad.additions = -5
    run = stage.sync()
    assert run.status == SyncStatus.COMPLETE
    assert PullRequest.objects.count() == 80
    assert (stage.row(bad).additions, stage.row(bad).size) == (None, None)
    later = StalePullRequest.objects.get()
    assert (later.number, later.attempts, later.error) == (40, 1, "")
    let_time_pass(hours=1)
    work()
    assert StalePullRequest.objects.get().attempts == 2
    bad.additions = 5
    let_time_pass(hours=2)
    work()
    assert not StalePullRequest.objects.exists()
    assert_whole(stage)


def test_unreadable_data_is_not_requested_forever(stage: Stage, shop: Place) -> None:
    shop.repository.pull_requests[40].additions = -5
    stage.sync()
    for _ in range(7):
        let_time_pass(days=2)
        work()
    assert not StalePullRequest.objects.exists()
    with stage.counted() as asked:
        work()
    assert asked.requests == 0


def test_an_unreadable_pull_request_stops_nothing(stage: Stage, shop: Place) -> None:
    heavy = shop.repository.pull_requests[40]
    for _ in range(99):
        actions.submit_review(shop.deed(heavy.updated_at, small.GRACE), heavy, "COMMENTED")
        heavy.commits.append(shop.commit(heavy.created_at))
    simulator = stage.github.simulator
    patient = simulator.options
    simulator.options = dataclasses.replace(patient, node_latency=0.001, patience=0.15)
    stage.begin()
    for _ in range(14):
        work()
        let_time_pass(minutes=5)
    assert PullRequest.objects.count() == 79
    assert stage.tracked().status == SyncStatus.COMPLETE
    aside = StalePullRequest.objects.get()
    assert (aside.number, aside.error) == (40, "GitHub answered 502.")
    simulator.options = patient
    let_time_pass(days=1)
    work()
    assert_whole(stage)
    assert not StalePullRequest.objects.exists()


def test_an_unreadable_item_of_a_long_list_costs_only_itself(stage: Stage, shop: Place) -> None:
    long = shop.repository.pull_requests[40]
    for _ in range(150):
        actions.submit_review(shop.deed(long.updated_at, small.GRACE), long, "COMMENTED")
    strange = long.reviews[120]
    # GitHub may have more states than its schema of today.
    strange.state = "SUGGESTED"  # type: ignore[assignment]
    stage.sync()
    assert PullRequest.objects.count() == 80
    assert stage.row(long).reviews.count() == 149
    assert stage.row(long).missing_fields == {"reviews": False}
    strange.state = "COMMENTED"
    let_time_pass(days=1)
    work()
    assert_whole(stage)
    assert not StalePullRequest.objects.exists()


@pytest.mark.parametrize("walk", ["history", "head"])
def test_an_expired_cursor_restarts_the_walk(stage: Stage, shop: Place, walk: str) -> None:
    if walk == "head":
        stage.sync()
        shop.open_many(60, newest=ago(hours=1), every=timedelta(minutes=1))
    stage.begin()
    TrackedRepository.objects.update(**{f"{walk}_cursor": "bm9uc2Vuc2U="})
    work()
    work()
    assert_whole(stage)


def test_a_lease_that_was_lost_writes_nothing(stage: Stage, shop: Place) -> None:
    from apps.integrations.sync import schedule

    stage.begin()
    slow = schedule.claim(datetime.now(UTC))
    assert slow
    let_time_pass(minutes=3)
    quick = schedule.claim(datetime.now(UTC))
    assert quick
    assert schedule.claim(datetime.now(UTC)) is None
    schedule.serve(slow)
    assert not PullRequest.objects.exists()
    schedule.serve(quick)
    assert_whole(stage)


def test_an_accounts_requests_are_few_at_a_time(stage: Stage) -> None:
    from apps.integrations.sync import schedule

    for number in range(9):
        stage.track(f"service-{number}")
    stage.begin()
    claimed = [schedule.claim(datetime.now(UTC)) for _ in range(6)]
    assert sum(row is not None for row in claimed) == 4


def test_a_busy_account_delays_no_other(stage: Stage, shop: Place) -> None:
    from apps.integrations.sync import schedule

    for number in range(15):
        stage.track(f"service-{number}")
    stage.begin()
    for _ in range(4):
        schedule.claim(datetime.now(UTC))
    other = set_up(Team.objects.create(name="Other", slug="other"), stage.github)
    IntegrationCredential.objects.filter(team=other.team).update(account_id=small.GRACE)
    other.track("theirs")
    other.begin()
    claimed = schedule.claim(datetime.now(UTC))
    assert claimed
    assert claimed.team == other.team


def test_a_slow_page_keeps_its_lease(stage: Stage) -> None:
    """Each of its requests takes a quarter of a minute: its lists are long."""
    shop = stage.track("shop")
    shop.open(ago(days=1), commits=450)
    taken: list[object] = []
    is_inside = False

    def slowly(execute: Any, sql: str, *more: Any) -> Any:
        nonlocal is_inside
        if "integrationcredential" in sql and sql.startswith("SELECT") and not is_inside:
            is_inside = True
            leased = Lease.objects.exclude(until=None)
            leased.update(until=F("until") - timedelta(seconds=15))
            taken.append(leased.exists() and schedule.claim(datetime.now(UTC)))
            is_inside = False
        return execute(sql, *more)

    stage.begin()
    with connection.execute_wrapper(slowly):
        work()
    assert len(taken) > 4
    assert not any(taken)
    assert_whole(stage)
