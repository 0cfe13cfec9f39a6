"""How far the sync of a team's repositories has come, in true figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q
from django.utils import timezone

from apps.integrations.models import SyncStatus, TrackedRepository
from apps.integrations.sync.counts import remark
from apps.teams.models import Team

# The status of a whole whose parts differ: the first of these that occurs.
_PRECEDENCE = (SyncStatus.SYNCING, SyncStatus.WAITING, SyncStatus.PENDING, SyncStatus.ERROR)
UNDER_WAY = (SyncStatus.SYNCING, SyncStatus.WAITING, SyncStatus.PENDING)


@dataclass(frozen=True)
class RepositoryProgress:
    """One repository's sync; `total` is None until GitHub has reported it."""

    github_repo_id: int
    full_name: str
    status: str
    done: int
    total: int | None
    points: int
    waiting_until: datetime | None
    error: str
    is_permanent_error: bool
    history_complete: bool
    reached_at: datetime | None
    last_sync_at: datetime | None
    remark: str = ""

    @property
    def step(self) -> str:
        """What is happening now, in words."""
        if self.status == SyncStatus.COMPLETE:
            return "Up to date"
        if self.status == SyncStatus.ERROR:
            return "Stopped"
        if self.status == SyncStatus.WAITING:
            return "Waiting"
        if self.status == SyncStatus.PENDING:
            return "Queued"
        if self.history_complete:
            return "Reading what changed"
        return "Reading history" if self.reached_at else "Reading the latest pull requests"

    @property
    def share(self) -> float:
        """From 0 to 1."""
        if self.status == SyncStatus.COMPLETE:
            return 1.0
        return min(1.0, self.done / self.total) if self.total else 0.0

    def as_json(self) -> dict[str, Any]:
        """The documented JSON for programs."""
        return {
            "full_name": self.full_name,
            "status": self.status,
            "pull_requests_done": self.done,
            "pull_requests_total": self.total,
            "points": self.points,
            "waiting_until": self.waiting_until,
            "error": self.error,
        }


@dataclass(frozen=True)
class Progress:
    """The sync of all tracked repositories of a team."""

    repositories: list[RepositoryProgress]
    last_sync_at: datetime | None
    since: date | None = None
    """How far back the team wants it; None for everything."""

    @property
    def status(self) -> str:
        """One status for all of them."""
        counts = Counter(repository.status for repository in self.repositories)
        return _status_of_all(
            {"tracked": len(self.repositories), **{s: counts[s] for s in SyncStatus}}
        )

    @property
    def is_running(self) -> bool:
        """Whether refreshing soon will show something new."""
        return any(repository.status in UNDER_WAY for repository in self.repositories)

    @property
    def done(self) -> int:
        """Pull requests stored."""
        return sum(repository.done for repository in self.repositories)

    @property
    def total(self) -> int | None:
        """Pull requests on GitHub; None until every repository's count is known."""
        totals = [repository.total for repository in self.repositories]
        return None if None in totals else sum(total or 0 for total in totals)

    @property
    def known_total(self) -> int:
        """Pull requests on GitHub, as far as known."""
        return sum(repository.total or 0 for repository in self.repositories)

    @property
    def share(self) -> float:
        """From 0 to 1: by pull requests, if all are counted and history is to be read."""
        if not self.repositories:
            return 0.0
        if self.total is None or all(r.history_complete for r in self.repositories):
            return self.complete / len(self.repositories)
        weights = [max(1, repository.total or 1) for repository in self.repositories]
        done = [r.share * weight for r, weight in zip(self.repositories, weights, strict=True)]
        return sum(done) / sum(weights)

    @property
    def complete(self) -> int:
        """Repositories that are up to date."""
        return sum(r.status == SyncStatus.COMPLETE for r in self.repositories)

    @property
    def waiting_until(self) -> datetime | None:
        """When the first waiting repository continues."""
        instants = [r.waiting_until for r in self.repositories if r.waiting_until]
        return min(instants, default=None)

    @property
    def failed(self) -> list[RepositoryProgress]:
        """Repositories that stopped with an error."""
        return [r for r in self.repositories if r.status == SyncStatus.ERROR]

    def as_json(self) -> dict[str, Any]:
        """The documented JSON for programs; `progress` is from 0 to 1."""
        return {
            "status": self.status,
            "progress": round(self.share, 4),
            "repositories": [repository.as_json() for repository in self.repositories],
        }


def of_team(team: Team) -> Progress:
    """The team's sync according to the database."""
    rows = (
        TrackedRepository.objects.for_team(team)
        .filter(is_active=True)
        .annotate(stored=Count("repository__pull_requests"))
        .order_by("full_name")
    )
    repositories = [_repository(row) for row in rows]
    synced = [r.last_sync_at for r in repositories if r.last_sync_at]
    days = team.window_days
    since = timezone.localdate() - timedelta(days=days) if days else None
    return Progress(repositories, max(synced, default=None), since)


def tracked_counts(team: Team) -> dict[int, dict[str, Any]]:
    """By integration: the number of tracked repositories, their statuses, and the last sync."""
    rows: Iterable[Mapping[str, Any]] = (
        TrackedRepository.objects.for_team(team)
        .values("integration")
        .annotate(
            tracked=Count("pk", filter=Q(is_active=True)),
            synced_at=Max("last_sync_at"),
            **{
                status.value: Count("pk", filter=Q(is_active=True, status=status))
                for status in SyncStatus
            },
        )
        .order_by(F("integration"))
    )
    return {row["integration"]: {**row, "status": _status_of_all(row)} for row in rows}


def _status_of_all(counts: Mapping[str, Any]) -> str:
    """One status for this many repositories in each status."""
    if not counts["tracked"]:
        return SyncStatus.PENDING
    return next((status for status in _PRECEDENCE if counts[status]), SyncStatus.COMPLETE)


def _repository(row: TrackedRepository) -> RepositoryProgress:
    waits = row.status == SyncStatus.WAITING and row.due_at and row.due_at > timezone.now()
    done, total = row.stored, row.pull_requests_total  # type: ignore[attr-defined]  # annotated
    return RepositoryProgress(
        github_repo_id=row.github_repo_id,
        full_name=row.full_name,
        status=row.status,
        done=done,
        # New ones can be stored before GitHub's count is fetched again.
        total=total if total is None else max(total, done),
        points=row.points,
        waiting_until=row.due_at if waits else None,
        error=row.error,
        is_permanent_error=row.is_permanent_error,
        history_complete=row.history_complete,
        reached_at=row.reached_at,
        last_sync_at=row.last_sync_at,
        remark=remark(row.unshown),
    )
