"""What a storm is judged by in the end: GitHub's truth, the books, and a sync without a storm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.storm import Storm

LOOKS = ("NewestChanges", "NewestDeliveries", "NewestReleases", "DeploymentsById")
"""Requests about many repositories, counted in none of them."""


def judge(storm: Storm, workers: int) -> list[str]:
    """What is wrong, a line each; compared with a calm sync only if nothing else is."""
    from apps.integrations.tests import comparison, delivered
    from apps.metrics.models import Repository

    found = unfinished() + _spent_twice(storm, workers) + _missed(storm)
    for place in storm.places:
        mine = Repository.objects.get(team=storm.team, github_repo_id=place.id)
        found += comparison.differences(mine, truth(storm, place))
        found += delivered.differences(mine, place)
    if not found:
        found = _differences_from_a_calm_sync(storm)
    return found


def truth(storm: Storm, place: Any) -> Any:
    """A repository as GitHub has it."""
    import httpx

    return httpx.get(f"{storm.github.url}/_control/truth/{place.full_name}").json()


def unfinished() -> list[str]:
    """Work that is left although nothing happens any more."""
    from apps.integrations.models import (
        StaleDeployment,
        StalePullRequest,
        SyncRun,
        TrackedRepository,
    )
    from apps.metrics.models import Commit

    rows = TrackedRepository.objects.exclude(status="complete")
    return [
        *(f"{row}: {row.status} {row.error}" for row in rows),
        *(f"{row} is still stale: {row.error}" for row in StalePullRequest.objects.all()),
        *(f"{row} is still stale" for row in StaleDeployment.objects.all()),
        *(f"Run {run.pk} never ended" for run in SyncRun.objects.filter(finished_at=None)),
        *(f"{c} is in no pull request" for c in Commit.objects.filter(pull_request_links=None)),
    ]


def _missed(storm: Storm) -> list[str]:
    """On PostgreSQL, which shows who waits, a storm without such a kill shows too little."""
    from django.db import connection

    was_hit = connection.vendor != "postgresql" or "in transaction" in storm.events
    return [] if was_hit else ["No worker was killed within a transaction"]


def _spent_twice(storm: Storm, workers: int) -> list[str]:
    """Each answered point is recorded, except for those in flight when something failed."""
    from django.db.models import Sum

    from apps.integrations.models import ProductionWalk, TrackedRepository

    harmless = (None, "shifted_page", "duplicated_page", "slow")
    answered = sum(
        request.points
        for request in storm.simulator.log.requests
        if request.status == 200 and request.fault in harmless and request.operation not in LOOKS
    )
    booked = sum(
        model.objects.aggregate(sum=Sum("points"))["sum"] or 0
        for model in (TrackedRepository, ProductionWalk)
    )
    allowed = 2 * workers * storm.interruptions
    storm.spent = f"{answered} points, {booked} in the books, {storm.interruptions} interruptions"
    return [] if answered <= booked + allowed else [f"Spent without use: {storm.spent}"]


def _differences_from_a_calm_sync(storm: Storm) -> list[str]:
    """Every column of every row, compared with a team that saw no storm."""
    from apps.integrations.tasks import look_for_due_work
    from tests.chaos.rows import rows_of

    calm = storm.team_of("calm")
    look_for_due_work()
    mine, theirs = rows_of(storm.team), rows_of(calm)
    return [
        f"{key}: {mine.get(key)} instead of {theirs.get(key)}"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]
