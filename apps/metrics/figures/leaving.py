"""Data being deleted gradually, which no figure counts from the start of that."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team


def leaving(team: Team) -> Q | None:
    """A condition on a team's pull requests; nearly always None, which is faster."""
    of_some = Q(is_leaving=True) | Q(team__pruned_before__isnull=False)
    rows = Repository.objects.for_team(team).filter(of_some)
    leaving_rows = list(rows.values_list("pk", "is_leaving", "team__pruned_before"))
    if not leaving_rows:
        return None
    found = Q(repository__in=[key for key, is_leaving, _ in leaving_rows if is_leaving])
    before = leaving_rows[0][2]
    return found | ended_before(before) if before else found


def ended_before(instant: datetime) -> Q:
    """Pull requests that ended, and have been inactive since."""
    return Q(updated_at__lt=instant) & ~Q(state=PullRequest.State.OPEN)
