"""`/metrics`: figures for an operator's graphs and alerts, for Prometheus.

What the database holds is read when requested. Counters are the sum over all processes of this
machine, so it does not matter which one responds.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from apps.integrations.models import (
    GitHubIntegration,
    RateBudget,
    StalePullRequest,
    SyncRun,
    TrackedRepository,
    WebhookDelivery,
)
from apps.measures import OURS
from apps.users import outbox
from tformance import heartbeat, metrics_folder
from tformance.metrics_folder import VARIABLE

WANTED = "Send METRICS_TOKEN as bearer token."


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for a client with `METRICS_TOKEN` as bearer token; 404 if none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404("METRICS_TOKEN is not set.")
    if not may_ask(request.headers.get("Authorization", "")):
        return HttpResponse(f"{WANTED}\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    registry.register(Counted())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_ask(authorization: str) -> bool:
    """Whether a header has `METRICS_TOKEN` as bearer token."""
    given = authorization.removeprefix("Bearer ").encode(errors="replace")
    return hmac.compare_digest(given, settings.METRICS_TOKEN.encode())


class Counted:
    """Counters of this machine's processes; of this one alone if they share no folder."""

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        if VARIABLE in os.environ:
            files = metrics_folder.files(settings.DATA_DIR)
            yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        else:
            yield from OURS.collect()


class Figures:
    """Metrics read from the database."""

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        now = timezone.now()
        yield _gauge("info", "The version that runs.", {(version("tformance"),): 1}, "version")
        if (age := heartbeat.age()) is not None:
            yield _gauge("worker_heartbeat_age_seconds", "Since a worker's sign of life.", age)
        yield _by("repositories", "Tracked repositories.", _tracked(), "status")
        connections = GitHubIntegration.objects.all()
        yield _by("organizations", "Connected organisations.", connections, "sync_status")
        running = SyncRun.objects.filter(finished_at=None).count()
        yield _gauge(
            "sync_runs_unfinished", "Syncs that were requested and are not finished.", running
        )
        yield from _queue("stale_pull_requests", StalePullRequest.objects.all(), "marked_at", now)
        yield from _deliveries(now)
        yield from _budgets()
        mail = outbox.state()
        yield _gauge("mail_waiting", "Messages that no mail server has taken yet.", mail.waiting)
        yield _gauge("mail_failing", "Those of them that could not be sent.", mail.failed)


def _tracked() -> Any:
    return TrackedRepository.objects.filter(is_active=True)


def _deliveries(now: datetime) -> Iterator[Metric]:
    rows = WebhookDelivery.objects.all()
    yield _by("deliveries", "Webhook deliveries of the last 30 days.", rows, "state")
    yield from _queue("deliveries_waiting", rows.filter(due_at__isnull=False), "received_at", now)


def _budgets() -> Iterator[Metric]:
    rows = RateBudget.objects.filter(remaining__isnull=False)
    left: dict[tuple[str, ...], float] = {
        (row.host, row.account, row.resource): row.remaining or 0 for row in rows
    }
    help_text = "What GitHub still grants an account until the next reset."
    yield _gauge("github_budget_remaining", help_text, left, "host", "account", "resource")


def _queue(name: str, rows: Any, since: str, now: datetime) -> Iterator[Metric]:
    found = rows.aggregate(count=Count("pk"), oldest=Min(since))
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
    yield _gauge(name, "Rows that wait for a worker.", found["count"])
    yield _gauge(f"{name}_oldest_age_seconds", "How long the oldest of them waits.", age)


def _by(name: str, help_text: str, rows: Any, field: str) -> Metric:
    counts = rows.order_by().values_list(field).annotate(count=Count("pk"))
    return _gauge(name, help_text, {(value,): count for value, count in counts}, field)


def _gauge(
    name: str, help_text: str, values: dict[tuple[str, ...], float] | float, *labels: str
) -> Metric:
    gauge = GaugeMetricFamily(f"tformance_{name}", help_text, labels=labels)
    for key, value in (values if isinstance(values, dict) else {(): values}).items():
        gauge.add_metric(key, value)
    return gauge
