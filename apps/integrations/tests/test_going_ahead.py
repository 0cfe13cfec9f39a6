"""The next page of a history is requested while one is stored; and what a kill then leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.integrations.models import (
    IntegrationCredential,
    KeptPage,
    RateBudget,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.people import forgetting
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.integrations.tests.test_sync import assert_true
from apps.metrics.models import PullRequest
from github_simulator.faults import Fault

pytestmark = pytest.mark.django_db
STORING = 'INSERT INTO "metrics_pullrequest" '
KEEPING = 'INSERT INTO "integrations_keptpage" '
FIRST, ALL = 25, 120  # pull requests on the first page, and on all


class KilledError(BaseException):
    """Nothing in the program catches it."""


@pytest.fixture
def shop(stage: Stage) -> Place:
    place = stage.track("shop")
    place.open_many(ALL, newest=ago(days=1), every=timedelta(minutes=9))
    return place


@contextmanager
def at(statement: str, happens: Callable[[], None], *, nth: int = 1) -> Iterator[None]:
    """Calls `happens` right before the nth statement that begins so."""
    seen = 0

    def wrapper(execute: Any, sql: str, *more: Any) -> Any:
        nonlocal seen
        if sql.startswith(statement):
            seen += 1
            if seen == nth:
                happens()
        return execute(sql, *more)

    with connection.execute_wrapper(wrapper):
        yield


def killed_while_storing(stage: Stage, nth: int) -> None:
    def kill() -> None:
        raise KilledError

    stage.begin()
    with pytest.raises(KilledError), at(STORING, kill, nth=nth):
        work()
    # The request in flight reaches GitHub all the same.
    wait(lambda: len(stage.github.simulator.log.requests) > nth)
    let_time_pass(minutes=5)


def wait(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


def asked(stage: Stage, contains: str) -> Fault:
    """Counts matching requests, without faults."""
    uncommon = Fault("slow", "/api/graphql", contains=contains, rate=0)
    return stage.github.simulator.faults.add(uncommon)


def test_the_next_page_is_asked_for_before_one_is_stored(stage: Stage, shop: Place) -> None:
    pages, on_their_way = asked(stage, "query PullRequests("), []

    def look() -> None:
        wait(lambda: pages.seen == 2)
        on_their_way.append((pages.seen, PullRequest.objects.count()))

    with at(STORING, look):
        stage.sync()
    assert on_their_way == [(2, 0)]
    assert_true(stage)
    assert not KeptPage.objects.exists()


@pytest.mark.parametrize("nth", [1, 2])
def test_what_a_killed_worker_kept_is_not_asked_for_again(
    stage: Stage, shop: Place, nth: int
) -> None:
    from_the_top, pages = asked(stage, '"after":null'), asked(stage, "query PullRequests(")
    killed_while_storing(stage, nth)
    work()
    assert_true(stage)
    assert PullRequest.objects.count() == ALL
    assert from_the_top.seen == 1
    assert pages.seen == 4 + 1  # the one in flight
    assert stage.tracked().points == 4


def test_a_kept_page_can_be_read_by_nobody_else(stage: Stage, shop: Place) -> None:
    killed_while_storing(stage, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT reply FROM integrations_keptpage")
        (stored,) = cursor.fetchone()
    assert stored.startswith("gAAAA")  # Fernet
    forgetting.forget(stage.team, [small.ADA])
    assert not KeptPage.objects.exists()


def test_a_kept_page_is_of_no_use_where_the_history_begins_anew(stage: Stage, shop: Place) -> None:
    killed_while_storing(stage, 2)
    TrackedRepository.objects.update(history_cursor="")
    PullRequest.objects.all().delete()
    work()
    assert PullRequest.objects.count() == ALL


def test_an_old_kept_page_is_dropped(stage: Stage, shop: Place) -> None:
    killed_while_storing(stage, 1)
    KeptPage.objects.update(asked_at=ago(hours=2))
    from_the_top = asked(stage, '"after":null')
    work()
    assert from_the_top.seen == 1
    assert PullRequest.objects.count() == ALL


def test_a_kept_page_costs_nothing_when_the_budget_is_spent(stage: Stage, shop: Place) -> None:
    killed_while_storing(stage, 1)
    RateBudget.objects.update(remaining=0, reset_at=ago(hours=-1))
    with stage.counted() as counted:
        work()
    assert counted.requests == 0
    assert PullRequest.objects.count() == FIRST
    assert stage.tracked().status == SyncStatus.WAITING
    let_time_pass(hours=2)
    work()
    assert_true(stage)


def test_a_page_is_stored_though_the_next_cannot_be_asked_for(stage: Stage, shop: Place) -> None:
    def disconnect_meanwhile() -> None:
        IntegrationCredential.objects.update(access_token="")

    with at(KEEPING, disconnect_meanwhile), stage.counted() as counted:
        stage.sync()
    assert counted.requests == 1
    assert PullRequest.objects.count() == FIRST
    assert "no token" in stage.tracked().error


def test_a_refused_token_is_asked_with_again_before_it_is_believed(
    stage: Stage, shop: Place
) -> None:
    shop.strike("unauthorized", contains='"after":"', nth=1)
    stage.sync()
    assert stage.tracked().status == SyncStatus.COMPLETE
    assert_true(stage)
