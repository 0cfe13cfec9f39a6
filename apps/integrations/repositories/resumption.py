"""Going on with connections that were stopped, or that are new."""

from __future__ import annotations

from collections.abc import Sequence

from apps.integrations.models import GitHubIntegration, SyncRun, TrackedRepository
from apps.integrations.repositories import discovery
from apps.integrations.sync import schedule


def go_on(reached: Sequence[GitHubIntegration]) -> None:
    """Asks anew for people and repositories of a team's connections, and syncs what it tracks."""
    for one in reached:
        discovery.request(one)
    tracked = TrackedRepository.objects.filter(integration__in=reached, is_active=True)
    if tracked.exists():
        schedule.begin(reached[0].team, tracked, SyncRun.Reason.MANUAL)
