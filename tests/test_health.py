"""/health/live and /health/ready, as a load balancer calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.metrics.tests.factories import make_pull_request, make_repository
from apps.teams.models import Team
from tformance import health


def test_it_works(client: Client, db: None) -> None:
    assert client.get("/health/live").content == b"ok\n"
    reply = client.get("/health/ready")
    assert reply.status_code == 200
    assert reply.json() == {"database": "ok", "broker": "ok", "data": "ok"}


def test_a_full_disk_is_not_ready(
    client: Client, db: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: tried at most every ten seconds, reported once."""
    folder, settings.DATA_DIR = settings.DATA_DIR, Path("/proc")
    health._tried.clear()
    for _ in range(3):
        reply = client.get("/health/ready")
        assert (reply.status_code, reply.json()["data"]) == (503, "not writable")
    assert [line for line in caplog.messages if "data is" in line] == [
        "Health: data is not writable."
    ]
    settings.DATA_DIR = folder
    assert client.get("/health/ready").status_code == 503
    health._tried.clear()
    assert client.get("/health/ready").status_code == 200


def test_machines_may_ask_by_address(client: Client, db: None) -> None:
    """As Prometheus and load balancers do; pages only respond at their own name."""
    for address in ("/health/live", "/health/ready"):
        assert client.get(address, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.0.0.7:8000"}).status_code == 400


def test_nobody_may_keep_the_answer(client: Client, db: None) -> None:
    for address in ("/health/live", "/health/ready"):
        assert "no-store" in client.get(address)["Cache-Control"]


def test_a_missing_broker_is_reported(client: Client, db: None, settings: Any) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    backend = "tformance.cache.Cache"
    settings.REDIS_URL = nowhere
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": nowhere}}
    reply = client.get("/health/ready")
    assert reply.status_code == 503
    assert reply.json()["broker"] == "unreachable"


def test_pages_come_without_redis(bob_client: Client, team: Team, settings: Any) -> None:
    make_pull_request(make_repository(team))
    settings.CACHES = {
        **settings.CACHES,
        "counts": {"BACKEND": "tformance.cache.Cache", "LOCATION": "redis://127.0.0.1:1/0"},
    }
    for page in ("", "pull-requests/", "flow/", "reviews/"):
        assert bob_client.get(f"/a/acme/{page}").status_code == 200
