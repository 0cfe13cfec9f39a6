"""Acts on the simulated GitHub that lead to production, and what must hold afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.integrations.models import (
    GitHubIntegration,
    Lease,
)
from apps.integrations.tests import delivered
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.metrics.models import (
    Repository,
)
from github_simulator.acts import act

BEGIN = ago()


def back(**duration: float) -> datetime:
    """A time before the tests began."""
    return BEGIN - timedelta(**duration)


def look(stage: Stage) -> None:
    """The schedule's turn, minutes after the one before."""
    Lease.objects.filter(not_before__isnull=False).delete()
    GitHubIntegration.objects.update(production_due_at=ago())
    stage.integration.refresh_from_db()
    work()


def do(place: Place, name: str, at: datetime, **given: Any) -> Any:
    about = {"repository": place.repository.full_name, "actor": "ada", "at": f"{at:%FT%TZ}"}
    return act(place.github.simulator, name, {**about, **given})


def merged(place: Place, at: datetime, method: str = "merge", **draft: Any) -> Any:
    """A pull request opened an hour before its merge."""
    pull = place.open(at - timedelta(hours=1), **draft)
    do(place, "merge", at, number=pull.number, method=method)
    return pull


def deployed(place: Place, at: datetime, ref: str = "", state: str = "SUCCESS", **to: Any) -> Any:
    ref = ref or place.repository.default_branch
    made = do(place, "deploy", at, ref=ref, **to)
    status(place, made, state, at + timedelta(minutes=4))
    return made


def status(place: Place, made: Any, state: str, at: datetime, **more: Any) -> None:
    do(place, "set_deployment_status", at, deployment=made["id"], state=state, **more)


def elsewhere(place: Place, at: datetime) -> str:
    """A branch with a cherry-pick of its own."""
    name = f"release-{at:%s}"
    made = [{"message": "Picked", "additions": 1, "committed_at": f"{at:%FT%TZ}"}]
    do(place, "push_branch", at, branch=name, commits=made)
    return name


def assert_true(stage: Stage) -> None:
    for place in stage.repositories.values():
        row = Repository.objects.get(team=stage.team, github_repo_id=place.repository.id)
        assert delivered.differences(row, place.repository) == []
