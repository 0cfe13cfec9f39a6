"""Pull requests to fetch again: marked, picked, settled and set aside only here."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from django.db.models import Exists, OuterRef, QuerySet

from apps.integrations.github.pull_requests import Spoilt
from apps.integrations.github.records import PullRequest
from apps.integrations.models import StalePullRequest, TrackedRepository
from apps.pauses import growing

PAUSES_OF_SPOILT = timedelta(minutes=10), timedelta(days=2)
TRIES_FOR_MISSING = 5


def mark(tracked: TrackedRepository, wanted: Iterable[tuple[int, str]], now: datetime) -> int:
    """Marks pull requests, as (number, node id), for fetching; renews existing marks."""
    rows = [
        StalePullRequest(
            team_id=tracked.team_id,
            tracked=tracked,
            number=number,
            node_id=node_id,
            marked_at=now,
            due_at=now,
        )
        for number, node_id in sorted(dict(wanted).items())
    ]
    StalePullRequest.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["tracked", "number"],
        update_fields=["marked_at", "due_at", "node_id"],
    )
    return len(rows)


def has_any(now: datetime) -> Exists:
    """For a query of tracked repositories: whether one has a due mark."""
    return Exists(StalePullRequest.objects.filter(tracked=OuterRef("pk"), due_at__lte=now))


def is_any_due(tracked: TrackedRepository, now: datetime) -> bool:
    """Whether the repository has a due mark."""
    return _due(tracked, now).exists()


def next_due(tracked: TrackedRepository, at_once: int, now: datetime) -> list[StalePullRequest]:
    """The next to be fetched together, the oldest mark first."""
    rows = list(_due(tracked, now).order_by("attempts", "marked_at")[:at_once])
    # One that failed before is fetched alone, so that it affects no other.
    return [row for row in rows if not row.attempts] or rows[:1]


def settle(fetched: Sequence[StalePullRequest], spoilt: Container[int]) -> list[int]:
    """Deletes the marks of what was fetched and stored; returns the numbers.

    A mark renewed meanwhile stays: its row has a later `marked_at`.
    """
    return [
        row.number
        for row in sorted(fetched, key=attrgetter("number"))
        if row.number not in spoilt
        and StalePullRequest.objects.filter(pk=row.pk, marked_at=row.marked_at).delete()[0]
    ]


def set_aside(tracked: TrackedRepository, item: Spoilt | PullRequest, now: datetime) -> None:
    """Marks one that cannot be read or stored, for retries at growing intervals.

    One that was stored incompletely is only retried a few times.
    """
    row, _ = StalePullRequest.objects.get_or_create(
        tracked=tracked,
        number=item.number,
        defaults={"team": tracked.team, "node_id": item.id, "due_at": now},
    )
    row.attempts += 1
    row.error = item.reason if isinstance(item, Spoilt) else ""
    row.due_at = now + growing(*PAUSES_OF_SPOILT, row.attempts)
    if not row.error and row.attempts > TRIES_FOR_MISSING:
        row.delete()
    else:
        row.save()


def try_again(tracked: TrackedRepository, now: datetime) -> None:
    """Has unreadable ones fetched now, for a user who waits."""
    rows = StalePullRequest.objects.filter(tracked=tracked, attempts__gt=0)
    rows.update(due_at=now)
    rows.filter(error="").update(attempts=0)


def set_aside_of(tracked: TrackedRepository) -> QuerySet[StalePullRequest]:
    """A repository's pull requests that could not be read or stored."""
    return StalePullRequest.objects.filter(tracked=tracked).exclude(error="")


def _due(tracked: TrackedRepository, now: datetime) -> QuerySet[StalePullRequest]:
    return StalePullRequest.objects.filter(tracked=tracked, due_at__lte=now)
