"""How much of what is stored was not read for AI marks yet, and since when all of it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from apps.metrics.figures.freshness import untracked
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team

A_POINT = 37
"""Pull requests that can be fetched by id for one GitHub point."""


@dataclass(frozen=True)
class Reading:
    """Pull requests still to be read, out of how many, and the newest of them."""

    unread: int = 0
    total: int = 0
    newest: datetime | None = None

    @property
    def points(self) -> int:
        """What reading them costs, in GitHub's points."""
        return -(-self.unread // A_POINT)


def reading(team: Team) -> Reading:
    """For a team; nothing is counted if all was read."""
    # By repository, using an index of the unread ones. Untracked repositories stay unread.
    fetched = Repository.objects.for_team(team).exclude(pk__in=list(untracked(team)))
    repositories = fetched.order_by().values("pk")
    unread = PullRequest.objects.filter(repository__in=repositories, marks__isnull=True)
    found = unread.aggregate(count=Count("pk"), newest=Max("opened_at"))
    if not found["count"]:
        return Reading()
    total = PullRequest.objects.for_team(team).count()
    return Reading(found["count"], total, found["newest"])
