"""A worker whose clock differs from the database's says so, and minutes apart it does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection

from apps.integrations.models import TrackedRepository
from apps.integrations.tests.stage import Stage, ago, set_up, work
from apps.integrations.work import clock
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
OnItsOwn = Callable[[int], None]


@pytest.fixture
def database_is_behind() -> Iterator[OnItsOwn]:
    """Sets the database's clock back by some seconds, for this connection."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite goes by this machine's clock")

    def be(seconds: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS slow")
            cursor.execute(
                "CREATE OR REPLACE FUNCTION slow.clock_timestamp() RETURNS timestamptz "
                f"LANGUAGE sql AS 'SELECT pg_catalog.clock_timestamp() - interval ''{seconds} s'''"
            )
            cursor.execute("SET search_path = slow, pg_catalog, public")
        clock.forget()

    yield be
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")
    clock.forget()


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    stage = set_up(team, github)
    stage.track("shop").open(ago(days=1))
    stage.begin()
    return stage


def test_it_works() -> None:
    assert clock.is_good_enough()
    assert "15 s ahead of the database's" in clock.sentence(timedelta(seconds=15))
    assert "No work is done" in clock.sentence(timedelta(minutes=-3))


def test_some_seconds_are_said(
    stage: Stage, database_is_behind: OnItsOwn, caplog: pytest.LogCaptureFixture
) -> None:
    database_is_behind(15)
    work()
    assert "15 s ahead of the database's" in caplog.text
    assert PullRequest.objects.exists()


def test_minutes_stop_all_work(
    stage: Stage, database_is_behind: OnItsOwn, caplog: pytest.LogCaptureFixture
) -> None:
    database_is_behind(600)
    work()
    assert "No work is done until they agree" in caplog.text
    assert TrackedRepository.objects.get().status == "pending"
