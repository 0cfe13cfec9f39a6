"""/health/live and /health/ready, as a load balancer asks them."""

from __future__ import annotations

from typing import Any

from django.test import Client

from apps.metrics.tests.factories import make_pull_request, make_repository
from apps.teams.models import Team


def test_it_works(client: Client, db: None) -> None:
    assert client.get("/health/live").content == b"ok\n"
    reply = client.get("/health/ready")
    assert reply.status_code == 200
    assert reply.json() == {"database": "ok", "broker": "ok"}


def test_nobody_may_keep_the_answer(client: Client, db: None) -> None:
    for address in ("/health/live", "/health/ready"):
        assert "no-store" in client.get(address)["Cache-Control"]


def test_a_missing_broker_is_told(client: Client, db: None, settings: Any) -> None:
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
