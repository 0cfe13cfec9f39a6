"""Which of the five production figures changed beyond chance since the previous period."""

from __future__ import annotations

from typing import Any

from apps.metrics.calculations import changes
from apps.metrics.figures.change_queries import OF_A_PERSON, Changes, is_of_a_person
from apps.metrics.figures.columns import NONE
from apps.metrics.figures.production_queries import Delivery
from apps.metrics.figures.production_rows import deployed, deployments, listed, repositories
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Production
from apps.teams.models import Team


def compared(team: Team, filters: Filters, now: Delivery, before: Delivery) -> Changes:
    """The filters' period compared with the one before; empty if either is incomplete."""
    if is_of_a_person(team, filters):
        return Changes(why_not=OF_A_PERSON)
    if filters.range == "all" or not _is_complete(team, filters):
        return Changes()
    if not now.deployments or not before.deployments:
        return Changes()  # Missing data is not zero.
    periods = filters.period, filters.period.previous
    lead, former_lead = (_lead_times(team, filters, each) for each in periods)
    recovery, former_recovery = (_recovery_times(team, filters, each) for each in periods)
    found = {
        "lead_time": changes.of_durations(lead, former_lead),
        "change_fail_rate": changes.of_shares(_pair(now.failed), _pair(before.failed)),
        "recovery_time": changes.of_durations(recovery, former_recovery),
        "rework_rate": changes.of_shares(_pair(now.rework), _pair(before.rework)),
    }
    verdict = changes.of_counts(now.deployments, before.deployments)
    found["deployments_per_week" if filters.tells_weeks else "deployments"] = verdict
    return Changes(found)


def _pair(share: Any) -> tuple[int, int]:
    return share.part, share.total


def _is_complete(team: Team, filters: Filters) -> bool:
    """Whether deployments are known from before both periods until now."""
    if not filters.coverage.is_complete:
        return False
    wanted = repositories(team, filters)
    sources = Production.objects.for_team(team).filter(repository__in=wanted).exclude(source="")
    if sources.filter(is_complete=False).exists():
        return False
    start = filters.period.previous.start
    return listed(team, filters).filter(deployed_at__lte=start).exists()


def _lead_times(team: Team, filters: Filters, period: Period) -> Any:
    rows = deployed(team, filters, period).where("has_old_commit", 0)
    values = rows["lead_time"]
    return values[values != NONE]


def _recovery_times(team: Team, filters: Filters, period: Period) -> Any:
    table = deployments(team, filters, period)
    values = table["recovery_time"][table["is_failed"] & table["is_judged"]]
    return values[values != NONE]
