"""`/metrics`, as Prometheus asks for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from apps.teams.models import Team
from apps.users.models import User
from tests.two_teams import belongings

pytestmark = pytest.mark.django_db
TOKEN = "only-prometheus-knows"


@pytest.fixture(autouse=True)
def _a_token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def ask(token: str = TOKEN) -> Any:
    return Client().get("/metrics", headers={"authorization": f"Bearer {token}"})


def test_it_works(team: Team, bob: User) -> None:
    belongings(team, bob, 1_000)
    reply = ask()
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.content.decode())
        for sample in family.samples
    }
    assert found["tformance_repositories", "pending"] == 2
    assert found["tformance_organizations", "pending"] == 1
    assert found["tformance_deliveries", "failed"] == 1
    assert found["tformance_sync_runs_unfinished",] == 1
    assert found["tformance_stale_pull_requests",] == 0


def test_nothing_of_a_team_is_told(team: Team, bob: User) -> None:
    acme = belongings(team, bob, 1_000)
    assert acme.mark not in ask().content.decode()


def test_without_the_token_nothing_is_told() -> None:
    assert ask("").status_code == ask("é").status_code == ask(TOKEN[:-1]).status_code == 401
    assert Client().get("/metrics").status_code == 401


def test_where_none_is_set_nothing_is_there(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert ask("").status_code == 404
