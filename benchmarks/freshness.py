"""From an event on GitHub to its row: `python -m benchmarks.freshness [RATE [SECONDS [WHAT]]]`.

The real web, worker and schedule processes on PostgreSQL and Redis, and a simulated GitHub that
takes 300 ms a request, in a process of its own. RATE times a second, a pull request is edited, or
if WHAT is `deployments`, a deployment to production succeeds.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.github import ADA, Served, serve
from tests.program import free_address, on_services

if TYPE_CHECKING:
    from apps.teams.models import Team

REPOSITORIES, PULL_REQUESTS = 10, 50
LATENCY = 0.3  # seconds that GitHub takes
LONGEST = 300  # seconds to wait for anything
Instants = dict[tuple[int, int], deque[datetime]]


def connected(team: Team, github: Served) -> None:
    """A team tracks every repository; the workers do the rest."""
    from apps.integrations.models import (
        GitHubIntegration,
        IntegrationCredential,
        SyncRun,
        TrackedRepository,
    )
    from apps.integrations.sync import schedule
    from apps.metrics.models import Repository

    credential = IntegrationCredential.objects.create(
        team=team, kind="token", access_token=github.token, account_id=ADA
    )
    integration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug="acme", organization_id=1
    )
    rows = []
    for number, node_id, name in github.repositories:
        repository = Repository.objects.create(
            team=team, github_repo_id=number, node_id=node_id, full_name=name
        )
        rows.append(
            TrackedRepository.objects.create(
                team=team,
                integration=integration,
                repository=repository,
                github_repo_id=number,
                full_name=name,
            )
        )
    schedule.begin(team, rows, SyncRun.Reason.FIRST)


def _wait_until_ready() -> None:
    from apps.integrations.models import SyncRun, TrackedRepository

    ends = time.monotonic() + LONGEST
    while (
        SyncRun.objects.filter(finished_at=None).exists()
        or TrackedRepository.objects.filter(hook=None).exists()
    ):
        assert time.monotonic() < ends, "The first sync did not end in time."
        time.sleep(0.2)


def _edit(github: Served, rate: float, seconds: float) -> tuple[Instants, float]:
    """Edits titles at that rate; returns the time of each, and the real rate."""
    chosen, edited_at = random.Random(1), defaultdict[tuple[int, int], deque[datetime]](deque)
    lock = threading.Lock()
    with httpx.Client(base_url=github.url, timeout=60) as client, ThreadPoolExecutor(8) as pool:

        def act_once(number: int, name: str, pull: int, title: str) -> None:
            with lock:  # GitHub sends a pull request's events in order
                edited_at[(number, pull)].append(datetime.now(UTC))
            act = {"act": "edit", "repository": name, "number": pull, "actor": "ada"}
            client.post("/_control/acts", json={**act, "title": title}).raise_for_status()

        began = due = time.monotonic()
        made: list[Future[None]] = []
        while due < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            number, _, name = chosen.choice(github.repositories)
            pull = chosen.randint(1, PULL_REQUESTS)
            made.append(pool.submit(act_once, number, name, pull, f"Title {len(made)}"))
            due += 1 / rate
        for each in made:
            each.result()
        return edited_at, len(made) / (time.monotonic() - began)


def _deploy(github: Served, rate: float, seconds: float) -> tuple[dict[str, datetime], float]:
    """Lets deployments succeed at that rate; returns the time of each, and the real rate."""
    succeeded_at: dict[str, datetime] = {}
    with httpx.Client(base_url=github.url, timeout=60) as client, ThreadPoolExecutor(8) as pool:

        def act(name: str, **given: Any) -> dict[str, Any]:
            reply = client.post("/_control/acts", json={"act": name, "actor": "ada", **given})
            return dict(reply.raise_for_status().json())

        def act_once(name: str) -> None:
            made = act("deploy", repository=name, ref="main")
            succeeded_at[made["node_id"]] = datetime.now(UTC)
            act(
                "set_deployment_status",
                repository=name,
                deployment=made["id"],
                state="SUCCESS",
            )

        began = due = time.monotonic()
        made = []
        while due < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            _, _, name = random.choice(github.repositories)
            made.append(pool.submit(act_once, name))
            due += 1 / rate
        for each in made:
            each.result()
        return succeeded_at, len(made) / (time.monotonic() - began)


class _Watch(threading.Thread):
    """Records when the row of each successful deployment appears, to a tenth of a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, datetime] = {}
        self.is_over = threading.Event()

    def run(self) -> None:
        from django.db import connection

        from apps.metrics.models import Deployment

        rows = Deployment.objects.filter(deployed_at__isnull=False)
        while not self.is_over.wait(0.1):
            fresh = set(rows.values_list("node_id", flat=True)) - self.seen.keys()
            self.seen |= dict.fromkeys(fresh, datetime.now(UTC))
        connection.close()

    def seconds(self, succeeded_at: dict[str, datetime]) -> list[float]:
        """From each success to its row, as soon as all are there, shortest first."""
        ends = time.monotonic() + LONGEST
        while missing := succeeded_at.keys() - self.seen.keys():
            assert time.monotonic() < ends, f"{len(missing)} have no row."
            time.sleep(0.5)
        self.is_over.set()
        self.join()
        return sorted((self.seen[key] - at).total_seconds() for key, at in succeeded_at.items())


def _wait_until_handled(count: int) -> None:
    from apps.integrations.models import StalePullRequest, WebhookDelivery

    ends = time.monotonic() + LONGEST
    rows = WebhookDelivery.objects.filter(event="pull_request")
    while (
        rows.count() < count
        or rows.filter(visible_at=None).exists()
        or StalePullRequest.objects.exists()
    ):
        assert time.monotonic() < ends, f"{rows.filter(visible_at=None).count()} are not visible."
        time.sleep(0.5)


def _seconds(edited_at: Instants) -> tuple[list[float], list[float]]:
    """From each edit to its row, and from its delivery to its row, shortest first."""
    from apps.integrations.models import WebhookDelivery

    rows = WebhookDelivery.objects.filter(event="pull_request").order_by("received_at", "pk")
    names = ("github_repo_id", "number", "received_at", "visible_at")
    from_event, from_delivery = [], []
    for repository, number, received_at, visible_at in rows.values_list(*names):
        if repository and number and visible_at:
            at = edited_at[(repository, number)].popleft()
            from_event.append((visible_at - at).total_seconds())
            from_delivery.append((visible_at - received_at).total_seconds())
    return sorted(from_event), sorted(from_delivery)


def _percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return (
        f"{cuts[49]:.2f} s (median), {cuts[94]:.2f} s (p95), {cuts[98]:.2f} s (p99), "
        f"{seconds[-1]:.2f} s (worst)"
    )


def main() -> None:
    """Prints median, 95th and 99th percentile, and the requests to GitHub."""
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else 50.0
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 40.0
    deploys = sys.argv[3:] == ["deployments"]
    with (
        tempfile.TemporaryDirectory() as folder,
        serve([PULL_REQUESTS] * REPOSITORIES, latency=LATENCY) as github,
        on_services(Path(folder), free_address(), GITHUB_URL=github.url) as program,
    ):
        os.environ.update(program.environment, DJANGO_SETTINGS_MODULE="tformance.settings")
        import django

        django.setup()
        from apps.teams.models import Team

        connected(Team.objects.create(name="acme", slug="acme"), github)
        _wait_until_ready()
        github.reset()
        from_delivery: list[float] = []
        if deploys:
            watch = _Watch()
            watch.start()
            deployed, reached = _deploy(github, rate, seconds)
            count, from_event = len(deployed), watch.seconds(deployed)
        else:
            edited_at, reached = _edit(github, rate, seconds)
            count = sum(map(len, edited_at.values()))
            _wait_until_handled(count)
            from_event, from_delivery = _seconds(edited_at)
        stats = github.stats()
    print(
        f"{count} events, {reached:.0f} a second (asked for: {rate:.0f}), {stats['requests']} "
        f"requests, {stats['points']} points"
    )
    print(f"from the event to the row: {_percentiles(from_event)}")
    if from_delivery:
        print(f"from the delivery to the row: {_percentiles(from_delivery)}")
    print("goal: median below 3 s, p99 below 10 s")


if __name__ == "__main__":
    main()
