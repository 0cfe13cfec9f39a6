"""Counting what 20,000 deployments brought over 200,000 commits: from scratch, and one more.

The rows are made up and stored as a walk leaves them; nothing is requested from GitHub.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

COMMITS = 10  # for each deployment
MORE = 15
BEGIN = datetime(2021, 1, 4, 9, tzinfo=UTC)


@dataclass
class Branch:
    """A default branch that grows by pull requests: merged with their commits, or squashed."""

    chance: Random
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    generation: dict[str, int] = field(default_factory=dict)
    line: list[str] = field(default_factory=list)
    """The branch's commits in order."""

    def grow(self, until: int) -> Iterator[str]:
        """The commits that merge pull requests, until there are `until` commits."""
        while len(self.parents) < until:
            yield self._land()

    def _land(self) -> str:
        tip = self.line[-1:]
        if len(self.line) > 10 and self.chance.random() < 0.7:
            commit = self.chance.choice(self.line[-5:])
            for _ in range(self.chance.randint(1, 6)):
                commit = self._add(commit)
            landed = self._add(*tip, commit)
        else:
            landed = self._add(*tip)
        self.line.append(landed)
        return landed

    def _add(self, *parents: str) -> str:
        sha = f"{self.chance.getrandbits(160):040x}"
        self.parents[sha] = parents
        self.generation[sha] = 1 + max((self.generation[one] for one in parents), default=0)
        return sha


class Story:
    """Merges a few pull requests at a time and deploys them; rolls back one time in thirty."""

    def __init__(self, application: Any) -> None:
        self.application, self.repository = application, application.repository
        self.chance = Random(1)
        self.branch = Branch(self.chance)
        self.at, self.numbers, self.stored = BEGIN, 0, 0

    def tell(self, deployments: int) -> None:
        """Stores this many more deployments, with all that they bring."""
        pulls, rows = [], []
        for _ in range(deployments):
            until = len(self.branch.parents) + COMMITS
            pulls += [self._pull_request(sha) for sha in self.branch.grow(until)]
            rows.append(self._deployment())
        self._store(pulls, rows)

    def _pull_request(self, sha: str) -> Any:
        from apps.metrics.models import PullRequest

        self.at += timedelta(minutes=20)
        self.numbers += 1
        opened_at = self.at - timedelta(hours=self.chance.randint(1, 90))
        return PullRequest(
            team_id=self.repository.team_id,
            repository=self.repository,
            number=self.numbers,
            node_id=f"PR_{self.numbers}",
            title="Work",
            state=PullRequest.State.MERGED,
            base_branch="main",
            merge_commit_sha=sha,
            opened_at=opened_at,
            updated_at=self.at,
            merged_at=self.at,
            first_commit_at=opened_at,
            cycle_time=int((self.at - opened_at).total_seconds()),
            fetched_at=self.at,
            is_hotfix=self.chance.random() < 0.03,
        )

    def _deployment(self) -> Any:
        from apps.metrics.models import Deployment

        self.at += timedelta(minutes=30)
        is_back = len(self.branch.line) > 50 and self.chance.random() < 1 / 30
        sha = self.branch.line[-self.chance.randint(5, 30) if is_back else -1]
        return Deployment(
            team_id=self.repository.team_id,
            application=self.application,
            node_id=f"DE_{self.at.timestamp():.0f}",
            sha=sha,
            place=sha,
            state="success",
            requested_at=self.at,
            deployed_at=self.at + timedelta(minutes=5),
        )

    def _store(self, pulls: list[Any], deployments: list[Any]) -> None:
        from apps.metrics.models import BranchCommit, Deployment, PullRequest

        fresh = list(self.branch.parents)[self.stored :]
        self.stored += len(fresh)
        BranchCommit.objects.bulk_create(
            [
                BranchCommit(
                    repository=self.repository,
                    sha=sha,
                    parents=" ".join(self.branch.parents[sha]),
                    generation=self.branch.generation[sha],
                )
                for sha in fresh
            ],
            batch_size=5000,
        )
        PullRequest.objects.bulk_create(pulls, batch_size=5000)
        self._link_reverts()
        Deployment.objects.bulk_create(deployments, batch_size=5000)

    def _link_reverts(self) -> None:
        """Each fiftieth pull request reverts the one before it."""
        from apps.metrics.models import PullRequest

        rows = PullRequest.objects.filter(repository=self.repository, reverts=None)
        wanted = dict(rows.extra(where=["number %% 50 = 0"]).values_list("number", "pk"))
        known = dict(rows.filter(number__in=[n - 1 for n in wanted]).values_list("number", "pk"))
        for number, key in wanted.items():
            rows.filter(pk=key).update(is_revert=True, reverts=known[number - 1])


def measure(count: int) -> dict[str, Any]:
    """Seconds for all of them from scratch, and the median of some that come one by one."""
    from apps.metrics.models import Application, Production, Repository
    from apps.teams.models import Team

    team = Team.objects.create(name="Acme", slug="acme")
    repository = Repository.objects.create(
        team=team, github_repo_id=1, full_name="acme/shop", default_branch="main"
    )
    Production.objects.create(team=team, repository=repository, source="deployment")
    application = Application.objects.create(
        team=team,
        repository=repository,
        source="deployment",
        environment="production",
        is_rooted=True,
    )
    story = Story(application)
    story.tell(count)
    _analyze()
    all_of_them = _recount(repository)
    _analyze()
    one_by_one = []
    for _ in range(MORE):
        story.tell(1)
        one_by_one.append(_recount(repository))
    return {
        "commits": story.stored,
        "pull_requests": story.numbers,
        "seconds": all_of_them.seconds,
        "seconds_of_processors": all_of_them.of_processors,
        "ms_for_one_more": 1000 * median(one.seconds for one in one_by_one),
        "ms_of_processors": 1000 * median(one.of_processors for one in one_by_one),
    }


def _analyze() -> None:
    """As PostgreSQL does by itself about a minute after so many rows were stored."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@dataclass(frozen=True)
class Taken:
    """Wall-clock seconds, and CPU seconds of our process and the database's."""

    seconds: float
    of_processors: float


def _recount(repository: Any) -> Taken:
    from apps.integrations.storing import recounting
    from apps.metrics.models import Deployment, Production

    of = Production.objects.select_related("repository__team").get(repository=repository)
    begun, worked = time.perf_counter(), time.process_time() + _of_database()
    recounting.recount(of)
    taken = time.perf_counter() - begun
    worked = time.process_time() + _of_database() - worked
    waiting = Deployment.objects.filter(application__repository=repository, sequence=None)
    assert not waiting.exists()
    return Taken(taken, worked)


def _of_database() -> float:
    """CPU seconds of the database's process; 0 if it runs elsewhere."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        place = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not place.exists():
        return 0.0
    ticks = place.read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
