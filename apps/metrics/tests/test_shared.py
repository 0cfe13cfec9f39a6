"""Readers of the same version of the data share what one of them counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.metrics.figures.shared import Results
from apps.metrics.tests.factories import make_member, make_pull_request, make_repository
from apps.teams.models import Team


@pytest.mark.django_db
def test_it_works(team: Team, alice_client: Client, bob_client: Client) -> None:
    """The second reader of a page costs less, and still sees what changed in between."""
    repository = make_repository(team)
    for number in range(12):
        make_pull_request(repository, author=make_member(team, f"p{number}"))
    costs = []
    for client in (alice_client, bob_client):
        with CaptureQueriesContext(connection) as asked:
            page = client.get("/a/acme/?range=all").content.decode()
        costs.append(len(asked))
        assert ">12<" in page
    assert costs[1] < costs[0]

    make_pull_request(repository)
    assert ">13<" in bob_client.get("/a/acme/?range=all").content.decode()


def test_who_asks_meanwhile_waits_for_the_first() -> None:
    results, may_end, begun = Results(), Event(), []

    def find() -> int:
        begun.append(1)
        may_end.wait(60)
        return 7

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(results.get, "merged", find) for _ in range(5)]
        may_end.set()
        assert [each.result(60) for each in asked] == [7] * 5
    assert len(begun) == 1


def test_a_failure_is_not_kept() -> None:
    results = Results()
    with pytest.raises(ZeroDivisionError):
        results.get("share", lambda: 1 / 0)
    assert results.get("share", lambda: 0.5) == 0.5
