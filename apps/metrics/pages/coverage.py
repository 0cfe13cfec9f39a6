"""What the data covers of a range and of the one before it: only then are they compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from apps.metrics.figures.freshness import untracked
from apps.metrics.figures.source import Freshness
from apps.metrics.filters.chosen import Coverage, Filters
from apps.metrics.models import Repository
from apps.teams.models import Team
from apps.teams.zones import zone_of


def covered(
    team: Team, filters: Filters, fresh: Freshness, first_opened_at: datetime | None, now: datetime
) -> Filters:
    """The filters, with what the data covers of their period."""
    before = filters.period.previous
    first = first_opened_at
    ended_at = _ended_at(team, fresh)
    last = min(now, filters.period.end)
    return replace(
        filters,
        coverage=Coverage(
            begins_before=first is not None and before.start < first < before.end,
            begins_within=first is not None and filters.period.start < first,
            is_read=not _is_being_read(filters, fresh),
            is_to_come=filters.period.last > now.astimezone(filters.period.zone).date(),
            is_stopped=ended_at is not None and ended_at < last,
        ),
    )


def not_tracked(team: Team, repository: Repository) -> str:
    """That a repository is not tracked any more, and since when; empty if it is."""
    stopped = untracked(team)
    if repository.pk not in stopped:
        return ""
    at = stopped[repository.pk]
    since = f" since {at.astimezone(zone_of(team.timezone)):%-d %B %Y}" if at else " any more"
    return (
        f"{repository.full_name} is not tracked{since}: nothing that happened later is known "
        "here, and its open pull requests are left out of what waits."
    )


def _is_being_read(filters: Filters, fresh: Freshness) -> bool:
    """Whether the history of the period to compare with is still to come."""
    before, since = filters.period.previous, fresh.whole_since
    return fresh.is_partial and (since is None or since > before.start)


def _ended_at(team: Team, fresh: Freshness) -> datetime | None:
    """Since when nothing new comes, or less than before; None if everything does."""
    if fresh.disconnected_at or fresh.stopped_at:
        return fresh.disconnected_at or fresh.stopped_at
    if not fresh.is_untracked:
        return None
    return max((at for at in untracked(team).values() if at), default=None)
