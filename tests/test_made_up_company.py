"""The made-up company for measuring pages is as a sync would have stored it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.integrations.storing import recalculation
from apps.metrics.models import Commit, PRReview, PullRequest
from apps.teams.models import Team
from benchmarks.company import Company
from benchmarks.load import fill

pytestmark = pytest.mark.django_db


def rows(team: Team) -> list[Any]:
    reviews = PRReview.objects.for_team(team).order_by("pk")
    return [
        *PullRequest.objects.for_team(team).order_by("pk").values(),
        *reviews.values("pk", "is_qualifying", "response_time"),
    ]


def test_it_works() -> None:
    """Recalculating it changes nothing, not even when a row was changed last."""
    fill(Company(150, repositories=4, team=77))
    team = Team.objects.get(pk=77)
    assert PullRequest.objects.for_team(team).count() == 150
    assert Commit.objects.for_team(team).count() > 600
    before = rows(team)
    Team.objects.update(recalculate_from=0)
    while recalculation.RECALCULATION.turn(datetime.now(UTC)):
        pass
    team.refresh_from_db()
    assert team.recalculate_from is None
    assert rows(team) == before


def test_the_same_seed_makes_the_same_company() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    one, other = (list(Company(20, repositories=2, now=now).rows()) for _ in range(2))
    assert one == other
    assert one != list(Company(20, seed=2, repositories=2, now=now).rows())
