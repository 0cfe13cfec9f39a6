"""One measure in a new process: `python -m benchmarks.measures NAME NUMBER` prints JSON."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from statistics import median
from typing import Any

import django

from benchmarks import deployments, large
from benchmarks.github import ACME, ADA, Served, serve

LATENCY = {"latency": 0.05, "node_latency": 0.0001}
ROUNDS = 7


class Clock:
    """Seconds in total, those spent waiting for GitHub's GraphQL, and this process's own."""

    def __init__(self) -> None:
        from apps.integrations.github.client import GitHub

        self.waited = 0.0
        answered = GitHub._answered

        def timed(*args: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                return answered(*args, **more)
            finally:
                self.waited += time.perf_counter() - begun

        GitHub._answered = timed  # type: ignore[method-assign]

    def __enter__(self) -> Clock:
        self.begun, self.waited = time.perf_counter(), 0.0
        self.cpu_begun = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.begun
        self.cpu = time.process_time() - self.cpu_begun


def track(github: Served) -> Any:
    """A team that tracks all of it; nothing else is due."""
    from django.conf import settings

    from apps.integrations.models import GitHubIntegration, IntegrationCredential, TrackedRepository
    from apps.integrations.tests.stage import NEVER
    from apps.metrics.models import Repository, TeamMember
    from apps.teams.models import Team

    settings.GITHUB_URL = github.url
    team = Team.objects.create(name="Acme", slug="acme")
    credential = IntegrationCredential.objects.create(
        team=team, kind="token", access_token=github.token, account_id=ADA
    )
    later = {"poll_due_at": NEVER, "sweep_due_at": NEVER, "members_due_at": NEVER}
    integration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug="acme", organization_id=ACME, **later
    )
    TeamMember.objects.create(team=team, github_id=ADA, github_username="ada")
    for number, node, name in github.repositories:
        stored = Repository.objects.create(
            team=team, github_repo_id=number, node_id=node, full_name=name
        )
        TrackedRepository.objects.create(
            team=team,
            integration=integration,
            repository=stored,
            github_repo_id=number,
            full_name=name,
            hook_due_at=None,
        )
    return team


def sync_all(team: Any) -> None:
    from apps.integrations.models import SyncRun, TrackedRepository
    from apps.integrations.sync import schedule
    from apps.integrations.tasks import look_for_due_work

    run = schedule.begin(team, TrackedRepository.objects.for_team(team), SyncRun.Reason.FIRST)
    while run.finished_at is None:
        look_for_due_work()
        run.refresh_from_db()
    assert run.status == "complete", run.error


def backfill(count: int) -> dict[str, Any]:
    """The history of one repository, with GitHub's latency."""
    with serve([count], **LATENCY) as github:
        return first_sync(github, count)


def growth(count: int) -> dict[str, Any]:
    """The same from a GitHub of any size, without latency."""
    with large.serve(count) as github:
        return first_sync(github, count)


def first_sync(github: Served, count: int) -> dict[str, Any]:
    from apps.metrics.models import PullRequest

    team = track(github)
    github.reset()
    with Clock() as clock:
        sync_all(team)
    stats = github.stats()
    assert PullRequest.objects.count() == count
    return {
        "requests": stats["requests"],
        "points": stats["points"],
        "seconds": round(clock.seconds, 2),
        "seconds_on_github": stats["seconds"],
        "own_ms_per_pr": round(1000 * (clock.seconds - clock.waited) / count, 3),
        "cpu_ms_per_pr": round(1000 * clock.cpu / count, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def delta(count: int) -> dict[str, Any]:
    """Ten changed pull requests among this many."""
    with serve([count], **LATENCY) as github:
        team = track(github)
        sync_all(team)
        for number in range(1, count, count // 10):
            github.act("comment", repository="acme/service-0", number=number, actor="grace")
        github.reset()
        with Clock() as clock:
            sync_all(team)
        stats = github.stats()
    return {"requests": stats["requests"], "points": stats["points"], "seconds": clock.seconds}


def no_change(count: int) -> dict[str, Any]:
    """A poll of this many repositories in which nothing happened."""
    from datetime import UTC, datetime

    from apps.integrations.models import GitHubIntegration, SyncRun, TrackedRepository
    from apps.integrations.tasks import look_for_due_work

    with serve([1] * count, **LATENCY) as github:
        track(github)
        now = datetime.now(UTC)
        TrackedRepository.objects.update(status="complete", watermark=now, history_complete=True)
        github.reset()
        GitHubIntegration.objects.update(poll_due_at=datetime.now(UTC))
        with Clock() as clock:
            look_for_due_work()
        stats = github.stats()
        assert not SyncRun.objects.exists()
    return {"requests": stats["requests"], "points": stats["points"], "seconds": clock.seconds}


def own_time(count: int) -> dict[str, Any]:
    """Our time for a pull request without GitHub's, compared with bare insertion of the same rows.

    Both alternate in one process, with the same pages in transactions of their own; medians.
    """
    from django.db import connection

    from benchmarks.bare import empty, insert_again

    own, bare = [], []
    with serve([count]) as github:
        for _ in range(ROUNDS):
            connection.ensure_connection()
            empty(connection.connection)
            team = track(github)
            with Clock() as clock:
                sync_all(team)
            own.append(1000 * (clock.seconds - clock.waited) / count)
            bare.append(1000 * insert_again(os.environ["SECOND_DATABASE_URL"]) / count)
    ratios = [mine / theirs for mine, theirs in zip(own, bare, strict=True)]
    return {
        "own_ms_per_pr": median(own),
        "bare_ms_per_pr": median(bare),
        "ratio": median(ratios),
        "ratio_from": min(ratios),
        "ratio_to": max(ratios),
    }


MEASURES = {
    "backfill": backfill,
    "delta": delta,
    "no_change": no_change,
    "own_time": own_time,
    "growth": growth,
    "deployments": deployments.measure,
}


if __name__ == "__main__":
    django.setup()
    gc.freeze()  # like a worker
    print(json.dumps(MEASURES[sys.argv[1]](int(sys.argv[2]))))
