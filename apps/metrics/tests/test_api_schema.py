"""Requests that schemathesis generates from the API's description: all responses match it.

`API_EXAMPLES` sets how many for each URL; few with the other tests, many in a campaign.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.metrics.api.operations import api
from apps.metrics.tests.factories import Review, make_member, make_pull_request, make_repository
from apps.metrics.tests.test_api import make_key
from apps.teams.models import Team
from tformance.wsgi import application

EXAMPLES = int(os.environ.get("API_EXAMPLES", "8"))
pytestmark = pytest.mark.django_db
load_all_checks()
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
API: Any = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
OPERATIONS = [each.ok() for each in API.get_all_operations()]


@pytest.fixture
def key(team: Team, alice_client: Client, settings: Any) -> str:
    """A key of a team with a little of everything."""
    settings.API_RATE_LIMIT = 0
    bob, alice = make_member(team, "bob"), make_member(team, "alice")
    for state in ("merged", "open", "closed"):
        make_pull_request(
            make_repository(team, f"acme/{state}"),
            author=alice,
            opened_at=timezone.now() - timedelta(days=2),
            state=state,
            commits=[-2],
            reviews=[Review(bob, 3)],
            fields={"labels": ["bug"]},
        )
    alice_client.post("/a/acme/views/", {"name": "All", "query": "range=all"})
    return make_key(alice_client)


@pytest.fixture
def key_and_connection(key: str) -> Iterator[str]:
    """The key; no request closes the test's connection meanwhile, as with Django's own client."""
    ends = (signals.request_started, signals.request_finished)
    for each in ends:
        each.disconnect(close_old_connections)
    yield key
    for each in ends:
        each.connect(close_old_connections)


def test_it_works() -> None:
    assert {operation.method for operation in OPERATIONS} == {"get"}
    assert {operation.path for operation in OPERATIONS} == set(api.get_openapi_schema()["paths"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.path for each in OPERATIONS])
def test_no_request_fails_and_answers_are_as_described(
    operation: Any, key_and_connection: str
) -> None:
    headers = {"Authorization": f"Bearer {key_and_connection}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        derandomize="API_EXAMPLES" not in os.environ,
    )
    @given(case=operation.as_strategy())
    def each(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    each()
