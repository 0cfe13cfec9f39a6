"""Resumes connections that were stopped, or that are new."""

from __future__ import annotations

from collections.abc import Sequence

from apps.integrations.models import GitHubIntegration, SyncRun, TrackedRepository
from apps.integrations.repositories import discovery
from apps.integrations.sync import schedule


def go_on(reached: Sequence[GitHubIntegration]) -> None:
    """Requests people and repositories of a team's connections again, and syncs tracked ones."""
    for one in reached:
        discovery.request(one)
    tracked = TrackedRepository.objects.filter(integration__in=reached, is_active=True)
    if tracked.exists():
        schedule.begin(reached[0].team, tracked, SyncRun.Reason.MANUAL)
