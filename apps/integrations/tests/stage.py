"""A team that tracks repositories of a simulated GitHub, and helpers that cause events there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F

from apps.integrations import tasks
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    Lease,
    ProductionWalk,
    RateBudget,
    StaleDeployment,
    StalePullRequest,
    SyncRun,
    TrackedRepository,
)
from apps.integrations.sync import schedule
from apps.integrations.tests import github as small
from apps.metrics.models import Deployment, PullRequest, Repository, TeamMember
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.actions import Deed, Draft
from github_simulator.faults import Fault
from github_simulator.git import new_oid
from github_simulator.node_ids import node_id
from github_simulator.testing import Running
from github_simulator.world import Account, Commit
from github_simulator.world import PullRequest as There
from github_simulator.world import Repository as RepositoryThere

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
DUE_TIMES = {
    TrackedRepository: ("due_at",),
    Lease: ("until", "not_before"),
    StalePullRequest: ("due_at",),
    StaleDeployment: ("due_at",),
    RateBudget: ("blocked_until", "reset_at"),
    ProductionWalk: ("due_at", "runs_due_at"),
    Deployment: ("look_again_at",),
}


def ago(**duration: float) -> datetime:
    """A past time in whole seconds, like GitHub's."""
    return (datetime.now(UTC) - timedelta(**duration)).replace(microsecond=0)


def let_time_pass(**duration: float) -> None:
    """Makes everything due that would be due later."""
    for model, names in DUE_TIMES.items():
        for name in names:
            # Only rows with a due time: workers hold other rows meanwhile.
            rows = model._default_manager.filter(**{f"{name}__isnull": False})
            rows.update(**{name: F(name) - timedelta(**duration)})


def work() -> None:
    """What a worker does when it is nudged."""
    tasks.look_for_due_work()


@dataclass
class Place:
    """A repository on GitHub, and actions of its people."""

    github: Running
    repository: RepositoryThere
    commits: int = 0

    def person(self, number: int = small.ADA) -> Account:
        return self.github.simulator.world.accounts[number]

    def deed(self, at: datetime | None = None, by: int | None = small.ADA) -> Deed:
        world = self.github.simulator.world
        actor = world.accounts[by] if by else None
        return Deed(world, self.repository, actor, at or ago())

    def commit(self, at: datetime, **fields: Any) -> Commit:
        self.commits += 1
        oid = new_oid(self.repository.id, self.commits)
        return Commit(
            oid, at, at, f"Change {self.commits}", 5, 1, 1, author=self.person(), **fields
        )

    def open(
        self,
        at: datetime | None = None,
        *,
        by: int | None = small.ADA,
        commits: int = 1,
        **draft: Any,
    ) -> There:
        at = at or ago()
        made = [self.commit(at - timedelta(minutes=1)) for _ in range(commits)]
        number = actions.next_number(self.repository)
        values = Draft(draft.pop("title", f"Work {number}"), f"branch-{number}", made, **draft)
        return actions.open_pull_request(self.deed(at, by), values)[0]

    def open_many(self, count: int, *, newest: datetime, every: timedelta) -> list[There]:
        """Opened one after the other, the last at `newest`."""
        return [self.open(newest - every * (count - 1 - n)) for n in range(count)]

    def strike(self, kind: str, **more: Any) -> Fault:
        fault = Fault(kind, path="/api/graphql", **more)  # type: ignore[arg-type]
        return self.github.simulator.faults.add(fault)

    def heal(self) -> None:
        self.github.simulator.faults.clear()


@dataclass
class Stage:
    """A team with its connection."""

    team: Team
    github: Running
    integration: GitHubIntegration
    repositories: dict[str, Place] = field(default_factory=dict)

    def track(self, name: str) -> Place:
        """A new repository on GitHub that the team tracks."""
        there = self.add(name)
        self.take_up(there)
        return there

    def add(self, name: str) -> Place:
        world = self.github.simulator.world
        number = 70_000_000 + len(world.repositories)
        made = small.add_repository(world, world.accounts[small.ACME], name, number)
        made.node_id = node_id("R", number)
        self.repositories[name] = Place(self.github, made)
        return self.repositories[name]

    def take_up(self, there: Place) -> TrackedRepository:
        made = there.repository
        stored = Repository.objects.create(
            team=self.team,
            github_repo_id=made.id,
            node_id=made.node_id,
            full_name=made.full_name,
        )
        tracked: TrackedRepository = TrackedRepository.objects.create(
            team=self.team,
            integration=self.integration,
            repository=stored,
            github_repo_id=made.id,
            full_name=made.full_name,
            hook_due_at=None,
        )
        return tracked

    def begin(self, reason: SyncRun.Reason = SyncRun.Reason.MANUAL) -> SyncRun:
        return schedule.begin(
            self.team, list(TrackedRepository.objects.for_team(self.team)), reason
        )

    def sync(self) -> SyncRun:
        """Runs a sync until nothing is due."""
        run = self.begin()
        work()
        run.refresh_from_db()
        return run

    def poll(self) -> None:
        """The schedule's turn, minutes after the one before."""
        self.integration.refresh_from_db()
        Lease.objects.filter(chore="poll").delete()
        GitHubIntegration.objects.update(poll_due_at=ago())
        work()

    def tracked(self, name: str = "") -> TrackedRepository:
        rows = TrackedRepository.objects.for_team(self.team)
        found: TrackedRepository = rows.get(full_name__endswith=name)
        return found

    def row(self, there: There) -> PullRequest:
        found: PullRequest = PullRequest.objects.get(team=self.team, github_id=there.id)
        return found

    @contextmanager
    def counted(self) -> Iterator[Counted]:
        """Counts what the block requests from GitHub."""
        log = self.github.simulator.log
        log.clear()
        counted = Counted()
        yield counted
        counted.requests, counted.points = len(log.requests), log.points
        counted.operations = [request.operation for request in log.requests]


@dataclass
class Counted:
    """Requests and points."""

    requests: int = 0
    points: int = 0
    operations: list[str | None] = field(default_factory=list)


def set_up(team: Team, github: Running) -> Stage:
    """A team connected to Acme with a token; nothing but the sync is due."""
    credential = IntegrationCredential.objects.create(
        team=team,
        kind=IntegrationCredential.Kind.TOKEN,
        access_token=github.token,
        account_id=small.ADA,
        account_login="ada",
    )
    integration = GitHubIntegration.objects.create(
        team=team,
        credential=credential,
        organization_slug="acme",
        organization_id=small.ACME,
        poll_due_at=NEVER,
        sweep_due_at=NEVER,
        production_due_at=NEVER,
        members_due_at=NEVER,
    )
    for number, login in ((small.ADA, "ada"), (small.GRACE, "grace")):
        TeamMember.objects.create(team=team, github_id=number, github_username=login)
    return Stage(team, github, integration)
