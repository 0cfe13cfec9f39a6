"""Reads a repository's deployments, releases or workflow runs, then the branch's graph.

Like the walk of pull requests: newest first, a page a transaction, under a lease and within the
budget, so that it can continue wherever it was cut off. What counts is derived from stored data
(`storing.recounting`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from django.db import transaction
from django.db.models import F, QuerySet

from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits, production
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import (
    CursorError,
    GitHubError,
    TooHeavyError,
    UnavailableError,
)
from apps.integrations.github.production_records import NotGrantedError, Page, ReportedDeployment
from apps.integrations.models import IntegrationCredential, ProductionWalk, TrackedRepository
from apps.integrations.storing import deliveries
from apps.integrations.sync import workflow_walk
from apps.integrations.sync.branch_walk import Branch
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.integrations.work.policy import Verdict
from apps.metrics.calculations.deployments import is_production
from apps.metrics.models import Production, Source
from apps.pauses import growing

TURN = timedelta(seconds=20)
AGAIN = timedelta(hours=1)
"""When GitHub left something out of a list."""


def _due(now: datetime) -> QuerySet[ProductionWalk]:
    rows: QuerySet[ProductionWalk] = ProductionWalk.objects.filter(
        due_at__lte=now,
        tracked__is_active=True,
        tracked__integration__disconnected_at__isnull=True,
    ).exclude(tracked__integration__credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return rows.select_related(
        "tracked__repository__team", "tracked__integration__credential"
    ).order_by("due_at")


def walk_of(tracked: TrackedRepository) -> ProductionWalk:
    """How far a tracked repository's deployments have been read."""
    return ProductionWalk.objects.get_or_create(
        tracked=tracked, defaults={"team_id": tracked.team_id}
    )[0]


def is_due(row: ProductionWalk) -> bool:
    """Whether a request about it is due."""
    return row.due_at is not None and row.due_at <= datetime.now(UTC)


def walk(row: ProductionWalk, now: datetime) -> None:
    """Works on a repository for a while. Raises GitHubError."""
    read(row, now + TURN)


def read(row: ProductionWalk, ends: datetime | None = None) -> None:
    """The same until a given time, or to its end."""
    turn = _Turn(row, deliveries.production(row.tracked.repository))
    credential = row.tracked.integration.credential
    # New changes are live; a history is not, and leaves the reserve alone.
    with with_github(credential, is_live=lambda: turn.is_live) as github:
        try:
            while turn.step(github):
                _count(row, github)
                if ends and datetime.now(UTC) >= ends:
                    return
        finally:
            _count(row, github)
    turn.finish()


def _count(row: ProductionWalk, github: GitHub) -> None:
    usage = github.usage
    if usage.points or usage.requests:
        ProductionWalk.objects.filter(pk=row.pk).update(
            points=F("points") + usage.points, requests=F("requests") + usage.requests
        )
    usage.points = usage.requests = 0


def _store_error(row: ProductionWalk, error: GitHubError, verdict: Verdict) -> None:
    """It stays due: the lease says when it may be retried."""
    ProductionWalk.objects.filter(pk=row.pk).update(error=str(error) if verdict.is_shown else "")


def _pause(row: ProductionWalk, failures: int) -> timedelta:
    return growing(AGAIN, timedelta(days=1), failures)


WALK = Chore(
    "production",
    _due,
    walk,
    credential="tracked__integration__credential",
    store_error=_store_error,
    pause=_pause,
)


class _Turn:
    """One worker's turn on a repository."""

    def __init__(self, row: ProductionWalk, stored: Production) -> None:
        self.row, self.production = row, stored
        self.branch = Branch(row, stored)
        self.gaps: set[str] = set()
        """Lists to read again, since GitHub left something out."""

    @property
    def is_live(self) -> bool:
        return self.row.deployments_read or self.row.releases_read

    def step(self, github: GitHub) -> bool:
        """Makes the next request; False if nothing is left to do."""
        now = datetime.now(UTC)
        for permission, do in self._things():
            try:
                if self._may_ask(permission, now) and do(github, now):
                    self._granted(permission)
                    return True
            except NotGrantedError as error:
                self._not_granted(error.permission, now)
                return True
            except TooHeavyError:
                if not self._ask_for_less():
                    raise
                return True
            except UnavailableError as error:
                if error.is_heavy:
                    self._ask_for_less()
                raise
            except CursorError:
                self._save(deployments_cursor="", releases_cursor="")
                return True
        return False

    def _things(self) -> tuple[tuple[str, Callable[[GitHub, datetime], bool]], ...]:
        return (
            ("deployments", self._deployments),
            ("contents", self._releases),
            ("actions", workflow_walk.Workflow(self.row, self.production).step),
            ("contents", self.branch.step),
        )

    def _may_ask(self, permission: str, now: datetime) -> bool:
        """Refused lists are tried again when a look notices a change, workflow runs hourly."""
        if permission not in self.production.not_granted:
            return True
        at = self.row.runs_due_at
        return permission == "actions" and (at is None or at <= now)

    def _ask_for_less(self) -> bool:
        """Whether to use a smaller page, after GitHub took too long over one."""
        size = limits.smaller(self.row.page_size)
        if size == self.row.page_size:
            return False
        self._save(page_size=size)
        return True

    def _grow(self) -> dict[str, object]:
        return {"page_size": limits.larger(self.row.page_size, production.AT_ONCE)}

    def finish(self) -> None:
        """Nothing is left for now: sets the next check."""
        at = [self.row.runs_due_at if self.production.source == Source.WORKFLOW else None]
        at += [datetime.now(UTC) + AGAIN] if self.gaps else []
        done: dict[str, object] = dict.fromkeys(self.gaps, False)
        done |= {"due_at": min(filter(None, at), default=None), "error": ""}
        with transaction.atomic():
            leases.renew_held()
            # More may have been requested meanwhile.
            rows = ProductionWalk.objects.filter(pk=self.row.pk, due_at=self.row.due_at)
            rows.update(**done)
            Production.objects.filter(pk=self.production.pk).update(
                is_complete=True, fetched_at=datetime.now(UTC)
            )

    # Deployments

    def _deployments(self, github: GitHub, now: datetime) -> bool:
        row = self.row
        if self.production.is_chosen and self.production.source != Source.DEPLOYMENT:
            return False
        if not row.deployments_cursor:
            # Reloaded, since a check for new deployments may find one at any time.
            row.refresh_from_db(fields=["deployment_found"])
            is_new = row.deployment_found != row.deployment_seen or not row.deployments_read
            row.environments = [] if is_new else self._missing_environments()
            if not (is_new or row.environments):
                return False
        page = production.deployments(
            github,
            row.tracked.repository.node_id,
            row.deployments_cursor,
            row.environments,
            row.page_size,
        )
        if not page.is_complete:
            self.gaps.add("deployments_read")
        with transaction.atomic():
            deliveries.note_environments(self.production, self._fresh(page))
            self._advance_deployments(page)
            deliveries.deployments(self.production, page.items, now)
        return True

    def _fresh(self, page: Page) -> Sequence[ReportedDeployment]:
        """Items that no earlier walk has passed."""
        if self.row.environments:
            return ()
        if not self.row.deployments_read:
            return page.items
        seen = self.row.deployment_seen
        return list(takewhile(lambda one: one.id != seen, page.items))

    def _advance_deployments(self, page: Page) -> None:
        """Down to the newest item of the last walk, or to the end."""
        row, ids = self.row, [one.id for one in page.items]
        is_whole_list = not row.environments
        changes: dict[str, object] = {"environments": row.environments, **self._grow()}
        if is_whole_list and not row.deployments_cursor:
            changes["deployment_next"] = next(iter(ids), "")
            known = ProductionWalk.objects.filter(pk=row.pk, deployment_found=row.deployment_found)
            known.update(deployment_found=changes["deployment_next"])
        is_known = is_whole_list and row.deployments_read and row.deployment_seen in ids
        changes["deployments_cursor"] = "" if is_known else page.next
        self._save(**changes)
        if row.deployments_cursor:
            return
        if is_whole_list:
            self._save(deployments_read=True, deployment_seen=row.deployment_next)
        for name in row.environments:
            # Created even without results, so that it is not requested again.
            deliveries.application(self.production.repository, Source.DEPLOYMENT, name)

    def _missing_environments(self) -> list[str]:
        """Environments that match the team's production patterns and have no stored history."""
        if not self.row.deployments_read:
            return []
        patterns = self.production.repository.team.production_environments
        there = set(
            self.production.repository.applications.filter(source=Source.DEPLOYMENT).values_list(
                "environment", flat=True
            )
        )
        known = [name for name in self.production.environments if is_production(name, patterns)]
        return sorted(set(known) - there)

    # Releases

    def _releases(self, github: GitHub, now: datetime) -> bool:
        """The complete list: drafts, and releases of older commits, can be published later."""
        row = self.row
        if deliveries.source_of(self.production) not in ("", Source.RELEASE):
            return False
        if not row.releases_cursor:
            row.refresh_from_db(fields=["release_found"])
            if row.releases_read and row.release_found == row.release_seen:
                return False
            row.release_next, row.releases_begun_at = row.release_found, now
        page = production.releases(github, row.tracked.repository.node_id, row.releases_cursor)
        if not page.is_complete:
            self.gaps.add("releases_read")
            row.releases_begun_at = None
        changes: dict[str, object] = {
            "releases_cursor": page.next,
            "release_next": row.release_next,
            "releases_begun_at": row.releases_begun_at,
        }
        if not page.next:
            changes |= {"releases_read": True, "release_seen": row.release_next}
        with transaction.atomic():
            self._save(**changes)
            deliveries.releases(self.production, page, now)
            if not page.next and row.releases_begun_at:
                deliveries.withdraw_releases(self.production, row.releases_begun_at)
        return True

    def _granted(self, permission: str) -> None:
        if permission in self.production.not_granted:
            missing = [each for each in self.production.not_granted if each != permission]
            self.production.not_granted = missing
            Production.objects.filter(pk=self.production.pk).update(not_granted=missing)

    def _not_granted(self, permission: str, now: datetime) -> None:
        if permission == "actions":
            self._save(runs_due_at=now + AGAIN)
        missing = sorted({*self.production.not_granted, permission})
        self.production.not_granted = missing
        Production.objects.filter(pk=self.production.pk).update(not_granted=missing)

    def _save(self, **changes: object) -> None:
        leases.renew_held()
        ProductionWalk.objects.filter(pk=self.row.pk).update(**changes)
        for name, value in changes.items():
            setattr(self.row, name, value)
