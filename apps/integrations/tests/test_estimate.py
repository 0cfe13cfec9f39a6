"""The cost of a sync is shown before repositories are chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apps.integrations.models import AvailableRepository
from apps.integrations.repositories import estimate
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, set_up
from apps.teams.models import Team
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


def test_it_works(
    team: Team, github: Running, alice_client: Client, work: Callable[[], None]
) -> None:
    for name in ("big", "small"):
        count = 75 if name == "big" else 2
        set_up_place(github, name).open_many(count, newest=ago(days=1), every=timedelta(hours=1))
    small.connect(alice_client)
    work()
    page = alice_client.get(
        "/a/acme/integrations/github/repos/matches/", {"patterns": "acme/big acme/small"}
    ).content.decode()
    said = "77 pull requests takes 4 points of the GitHub rate limit and about 1 minute"
    assert said in page


def set_up_place(github: Running, name: str) -> Place:
    stage = Stage(Team(), github, None)  # type: ignore[arg-type]
    return stage.add(name)


def test_the_sync_costs_what_was_said(team: Team, github: Running) -> None:
    stage = set_up(team, github)
    stage.track("shop").open_many(260, newest=ago(days=1), every=timedelta(hours=1))
    listed = AvailableRepository(pull_request_count=260)
    said = estimate.estimate_cost([listed])
    with stage.counted() as asked:
        stage.sync()
    assert abs(asked.points - said.points) <= 1


def test_what_is_not_counted_yet_is_said() -> None:
    said = estimate.estimate_cost(
        [AvailableRepository(), AvailableRepository(pull_request_count=0)]
    )
    assert (said.repositories, said.unknown, said.points) == (2, 1, 1)


def test_a_company_waits_for_the_next_hours_points() -> None:
    rows = [AvailableRepository(pull_request_count=370_000)]
    said = estimate.estimate_cost(rows)
    assert said.points == 10_000
    assert said.minutes >= 120
