"""Counters for `/metrics`; all processes of a machine share them.

What the database can answer is not counted here but queried (tformance/prometheus.py).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from apps import counter_files

counter_files.use()
OURS = CollectorRegistry()
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Histogram(
    "tformance_request_seconds",
    "Requests, by the view that answered.",
    ["view", "method", "status"],
    buckets=SECONDS,
    registry=OURS,
)
TASKS = Histogram(
    "tformance_task_seconds",
    "Tasks of workers, by how they ended.",
    ["task", "outcome"],
    buckets=(0.1, 1, 5, 15, 30, 60, 120, 300),
    registry=OURS,
)
SYNC_PAGES = Counter(
    "tformance_sync_pages", "Pages of pull requests that were stored.", registry=OURS
)
GITHUB = Histogram(
    "tformance_github_request_seconds",
    "Requests to GitHub, by the status of its answer.",
    ["status"],
    buckets=SECONDS,
    registry=OURS,
)
GITHUB_WAITS = Counter(
    "tformance_github_waits",
    "Work that was put off since GitHub's limits asked for it.",
    registry=OURS,
)
DELIVERIES = Counter(
    "tformance_deliveries_received",
    "Webhook deliveries, by the status of our answer.",
    ["status"],
    registry=OURS,
)
MAIL = Counter(
    "tformance_mail",
    "Attempts to send a message, by what came of them.",
    ["outcome"],
    registry=OURS,
)
