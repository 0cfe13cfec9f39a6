"""Reports to the figures' pages how fresh and complete their data is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.integrations.models import GitHubIntegration, TrackedRepository
from apps.metrics.figures.source import Freshness
from apps.teams.models import Team


def freshness(team: Team) -> Freshness:
    """Over the repositories that the team tracks."""
    unfinished = Q(history_complete=False)
    if team.window_days:
        # A window's start moves on: a walk that once reached it has everything.
        start = timezone.now() - timedelta(days=team.window_days)
        unfinished &= Q(history_floor__isnull=True) | Q(history_floor__gt=start)
    refused = Q(integration__credential__rejected_at__isnull=False, is_active=True)
    row = TrackedRepository.objects.for_team(team).aggregate(
        checked=Max("last_sync_at", filter=Q(is_active=True)),
        rows=Count("pk"),
        repositories=Count("pk", filter=Q(is_active=True)),
        incomplete=Count("pk", filter=unfinished & Q(is_active=True)),
        # How far the least advanced walk has come: from then on, everything is stored.
        reached=Max("reached_at", filter=unfinished & Q(is_active=True)),
        stopped=Count("pk", filter=refused),
        stopped_at=Min("integration__credential__rejected_at", filter=refused),
        living=Count("pk", filter=Q(integration__disconnected_at=None)),
        ended_at=Max("integration__disconnected_at"),
        unreached=Count("pk", filter=unfinished & Q(is_active=True, reached_at=None)),
    )
    disconnected_at = None if row["living"] else _disconnected_at(team, row["ended_at"])
    is_untracked = row["rows"] and not row["repositories"] and not disconnected_at
    whole_since = None if row["unreached"] else row["reached"]
    return Freshness(
        checked_at=row["checked"],
        repositories=row["repositories"],
        incomplete=row["incomplete"],
        whole_since=whole_since,
        stopped=row["stopped"],
        stopped_at=row["stopped_at"],
        disconnected_at=disconnected_at,
        is_untracked=bool(is_untracked),
        is_connected=bool(row["living"]) or _connected(team).exists(),
    )


def untracked(team: Team) -> dict[int, datetime | None]:
    """Repositories no longer tracked, by key, and since when, if known."""
    rows = TrackedRepository.objects.for_team(team).filter(is_active=False)
    since = Coalesce("untracked_at", "last_sync_at")
    return dict(rows.values_list("repository", since))


def _disconnected_at(team: Team, ended_at: datetime | None) -> datetime | None:
    """When the last connection ended; None if there never was one, or another exists."""
    return None if ended_at is None or _connected(team).exists() else ended_at


def _connected(team: Team) -> QuerySet[GitHubIntegration]:
    return GitHubIntegration.objects.for_team(team).filter(disconnected_at=None)
