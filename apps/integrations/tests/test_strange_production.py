"""From merge to production: what GitHub tells that is not what it seems."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.integrations.models import ProductionWalk
from apps.integrations.storing import recounting
from apps.integrations.tests.stage import Place, Stage, ago, set_up, work
from apps.integrations.tests.test_production import deployed, do, look, merged
from apps.metrics.models import Deployment, Production
from apps.teams.models import Team
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    return set_up(team, github)


@pytest.fixture
def shop(stage: Stage) -> Place:
    return stage.track("shop")


def test_a_workflow(stage: Stage, shop: Place) -> None:
    """Runs for pull requests of a fork's `main` are none on ours; and a workflow can go."""
    merged(shop, ago(days=9))
    deploy = {"workflow": "Deploy", "ref": "main", "conclusion": "success"}
    own = do(shop, "run_workflow", ago(days=8), **deploy)
    for event in ("pull_request", "pull_request_target"):
        do(shop, "run_workflow", ago(days=7), event=event, **deploy)
    stage.sync()
    look(stage)
    recounting.choose(stage.tracked().repository, "workflow", workflow="Deploy")
    work()
    assert Deployment.objects.get().sha == own["sha"]

    def an_hour_later() -> None:
        ProductionWalk.objects.update(due_at=ago(), runs_due_at=ago())
        work()

    gone = shop.repository.workflows.pop(own["workflow"])
    an_hour_later()
    assert Production.objects.get().not_granted == []
    gone.id += 1
    shop.repository.workflows[gone.id] = gone
    do(shop, "run_workflow", ago(days=1), **deploy)
    an_hour_later()
    assert Deployment.objects.count() == 2
    latest = Deployment.objects.latest("deployed_at")
    assert latest.deployed_at
    assert latest.deployed_at > ago(days=1) - timedelta(hours=1)


def test_a_prerelease_that_is_promoted(stage: Stage, shop: Place) -> None:
    """Nothing is new but that it is no prerelease any more: without hooks it is found, too."""
    first, second = merged(shop, ago(days=9)), merged(shop, ago(days=7))
    do(shop, "release", ago(days=8), tag="v1", sha=first.merge_commit_oid)
    to = {"tag": "v2", "sha": second.merge_commit_oid, "prerelease": True}
    made = do(shop, "release", ago(days=6), **to)
    stage.sync()
    look(stage)
    assert stage.row(second).deployed_at is None
    shop.repository.releases[made["id"]].prerelease = False
    look(stage)
    assert stage.row(second).deployed_at is not None


def test_a_commit_that_github_cannot_compare(stage: Stage, shop: Place) -> None:
    """It is not placed, and keeps nothing that comes after it waiting."""
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    made = [{"message": "Picked", "committed_at": f"{ago(days=7):%FT%TZ}"}]
    do(shop, "push_branch", ago(days=7), branch="elsewhere", commits=made)
    lost = deployed(shop, ago(days=6), "elsewhere")
    later = merged(shop, ago(days=5))
    deployed(shop, ago(days=4))
    stage.sync()
    compare = Fault("server_error", path="/api/v3/repos/acme/shop/compare", status=422)
    shop.github.simulator.faults.add(compare)
    look(stage)
    row = Deployment.objects.get(node_id=lost["node_id"])
    assert (row.is_unplaced, row.is_counted, row.is_failed) == (True, True, False)
    assert stage.row(later).deployed_at is not None
