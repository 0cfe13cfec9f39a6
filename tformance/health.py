"""Health endpoints for supervisors and load balancers: no session, no secret, no cache."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import caches
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from redis import Redis
from redis.exceptions import RedisError

INSTALLATION = "X-Tformance-Installation"
RETRY = 10.0  # seconds between two attempts to write
log = logging.getLogger(__name__)
_tried: dict[str, tuple[float, str]] = {}
_reported: dict[str, str] = {}


@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 while this process responds at all."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, else 503; the response names what is missing."""
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: _and_then(database(), "database", _write_a_row),
        "broker": broker,
        "data": lambda: _and_then("ok", "data", _write_a_file),
    }
    found = {name: check() for name, check in checks.items()}
    well = all(state == "ok" for state in found.values())
    _tell_changes(found)
    headers = {INSTALLATION: installation()}
    return JsonResponse(found, status=200 if well else 503, headers=headers)


def _tell_changes(found: dict[str, str]) -> None:
    """Log an outage once when it begins and once when it ends."""
    for name, state in found.items():
        if state != _reported.get(name, "ok"):
            log.warning("Health: %s is %s.", name, state)
        _reported[name] = state


def _and_then(state: str, name: str, write: Callable[[], None]) -> str:
    """The state, or `not writable`: a write is tried at most every ten seconds."""
    if state != "ok":
        return state
    tried_at, outcome = _tried.get(name, (-RETRY, "ok"))
    if time.monotonic() - tried_at >= RETRY:
        try:
            write()
            outcome = "ok"
        except (Error, OSError):
            outcome = "not writable"
        _tried[name] = time.monotonic(), outcome
    return outcome


def _write_a_row() -> None:
    caches["default"].set("health", True, timeout=60)


def _write_a_file() -> None:
    with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
        file.write(b"health" * 1_000)


def installation() -> str:
    """An opaque id of the installation, by which `doctor` recognises it."""
    return salted_hmac("tformance.installation", "").hexdigest()[:16]


def database() -> str:
    """`ok`, `unreachable`, or `migrations missing`."""
    try:
        return "ok" if has_all_tables() else "migrations missing"
    except Error:
        return "unreachable"


def has_all_tables() -> bool:
    """Whether no migration is pending. Raises `Error` if the database is unreachable."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def broker() -> str:
    """`ok` or `unreachable`."""
    try:
        reach_broker()
    except (RedisError, OSError):
        return "unreachable"
    return "ok"


def reach_broker() -> None:
    """Raises `RedisError` or `OSError`; without Redis the broker is a folder in DATA_DIR."""
    if settings.REDIS_URL:
        tls = settings.REDIS_TLS
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, **tls) as client:
            # It may answer and refuse to write: as a replica, or with its memory or disk full.
            client.set("tformance-health", 1, ex=60)
    elif not os.access(settings.DATA_DIR, os.W_OK):
        raise PermissionError(f"{settings.DATA_DIR} cannot be written")
