"""What counts as a deployment: sources, permissions, patterns, corrections and hooks."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.models import (
    GitHubIntegration,
    Lease,
    ProductionWalk,
    TrackedRepository,
)
from apps.integrations.repositories import adhoc_production
from apps.integrations.storing import bringing, corrections, recounting
from apps.integrations.tests import hooked
from apps.integrations.tests.deploying import (
    BEGIN,
    assert_true,
    back,
    deployed,
    do,
    look,
    merged,
)
from apps.integrations.tests.stage import NEVER, Place, Stage, ago, work
from apps.metrics.models import (
    Application,
    Deployment,
    Production,
    PullRequest,
)
from apps.users.models import User
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


def test_releases_count_once_a_commit_and_never_go_back(stage: Stage, shop: Place) -> None:
    first, second = merged(shop, back(days=9)), merged(shop, back(days=7))
    shas = [p.merge_commit_oid for p in (first, second)]
    do(shop, "release", back(days=8), tag="v1.0", sha=shas[0])
    do(shop, "release", back(days=6), tag="v1.1-rc", sha=shas[1], prerelease=True)
    do(shop, "release", back(days=5), tag="v1.1", sha=shas[1])
    do(shop, "release", back(days=4), tag="again", sha=shas[1])
    do(shop, "release", back(days=3), tag="v1.0.1", sha=shas[0])
    do(shop, "release", back(days=2), tag="draft", sha=shas[1], draft=True)
    stage.sync()
    look(stage)
    rows = Deployment.objects.filter(is_left_out=False).order_by("deployed_at")
    assert [(row.name, row.is_counted) for row in rows] == [("v1.0", True), ("v1.1", True)]
    assert stage.row(second).deployed_at == back(days=5)
    # Another pattern recounts, and fetches nothing.
    repository = stage.tracked().repository
    recounting.choose(repository, "release", tag_pattern="again*")
    with stage.counted() as asked:
        work()
    assert asked.requests == 0
    assert Deployment.objects.get(is_left_out=False).name == "again"


def test_runs_of_a_workflow(stage: Stage, shop: Place) -> None:
    pulls = [merged(shop, back(days=9 - n)) for n in range(3)]
    for pull in pulls:
        at = back(days=8) + timedelta(days=pulls.index(pull))
        run = {"workflow": "Deploy", "sha": pull.merge_commit_oid}
        do(shop, "run_workflow", at, conclusion="success", minutes=5, **run)
        do(shop, "run_workflow", at, conclusion="success", workflow="Tests", ref="main")
    stage.sync()
    look(stage)
    repository = stage.tracked().repository
    recounting.choose(repository, "workflow", workflow="deploy")
    work()
    assert Deployment.objects.count() == 3
    found = stage.row(pulls[1])
    assert found.deployed_at == back(days=7) + timedelta(minutes=5)
    assert found.deploy_time == 86400 + 300
    # An hour later nothing has changed: one free request.
    ProductionWalk.objects.update(due_at=ago(), runs_due_at=ago())
    with stage.counted() as asked:
        work()
    assert asked.requests == 1


def test_merges_need_nothing_more_from_github(stage: Stage, shop: Place) -> None:
    first = merged(shop, back(days=9))
    stage.sync()
    recounting.choose(stage.tracked().repository, "merge")
    second = merged(shop, back(days=7))
    with stage.counted() as asked:
        stage.sync()
    assert {*asked.operations} <= {"PullRequests", "PullRequestsById"}
    for pull in (first, second):
        row = stage.row(pull)
        assert (row.deployed_at, row.deploy_time) == (row.merged_at, 0)
        assert row.deployment is not None
        assert row.deployment.node_id == pull.merge_commit_oid
    # Detected automatically, it has no source; stored data stays, and returns with the choice.
    recounting.choose(stage.tracked().repository, "")
    work()
    assert stage.row(first).deployed_at is None
    recounting.choose(stage.tracked().repository, "merge")
    work()
    assert stage.row(first).deployed_at == stage.row(first).merged_at


@pytest.mark.parametrize(
    ("permission", "granted"),
    [("deployments", {"contents": "read"}), ("contents", {"deployments": "read"})],
)
def test_what_is_not_granted_costs_nothing_else(
    stage: Stage, shop: Place, permission: str, granted: dict[str, str]
) -> None:
    shop.repository.private = True
    pull = merged(shop, back(days=9))
    deployed(shop, back(days=8))
    installed = do(
        shop,
        "install_app",
        back(days=10),
        owner="acme",
        permissions={"metadata": "read", "pull_requests": "read", "members": "read", **granted},
    )
    credential = stage.integration.credential
    credential.access_token = installed["token"]
    credential.save()
    run = stage.sync()
    look(stage)
    assert run.status == "complete"
    assert stage.row(pull).merged_at
    of = Production.objects.get()
    assert permission in of.not_granted

    assert Deployment.objects.filter(sequence__isnull=False).count() == 0
    # It is read as soon as it is granted.
    credential.access_token = stage.github.token
    credential.save()
    look(stage)
    assert Production.objects.get().not_granted == []
    assert Deployment.objects.filter(sequence__isnull=False).count() == 1


def test_from_a_terminal_nothing_new_costs_one_question(stage: Stage, shop: Place) -> None:
    """An earlier choice is reported if the command names no source."""
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    stage.sync()
    tracked = stage.tracked()
    assert adhoc_production.read(tracked, adhoc_production.parse("deployment"), print) == ""
    assert list(adhoc_production.remarks(tracked, ("deployment", ""))) == []
    with stage.counted() as asked:
        assert adhoc_production.read(tracked, None, print) == ""
    assert (asked.operations, asked.points) == (["NewestDeliveries"], 1)
    [said] = adhoc_production.remarks(tracked, None)
    assert "come from “GitHub deployments”, as was chosen before" in said
    assert adhoc_production.read(tracked, adhoc_production.parse("found"), print) == ""
    assert list(adhoc_production.remarks(tracked, None)) == []
    made = do(shop, "deploy", back(days=2), ref="main")
    assert adhoc_production.read(tracked, None, print) == ""
    done = {"deployment": made["id"], "state": "SUCCESS"}
    do(shop, "set_deployment_status", back(hours=1), **done)
    # The walk in progress continues at once.
    assert adhoc_production.read(tracked, None, print) == ""
    assert Deployment.objects.get(node_id=made["node_id"]).deployed_at == back(hours=1)


def test_an_environment_that_a_pattern_takes_for_production(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8), environment="tokyo")
    pull = merged(shop, back(days=7))
    deployed(shop, back(days=6), environment="tokyo")
    deployed(shop, back(days=5), environment="pre-production")
    stage.sync()
    look(stage)
    of = Production.objects.get()
    assert (of.source, of.environments) == ("", {"tokyo": 2, "pre-production": 1})
    stage.team.production_environments = ["tok*"]
    stage.team.save()
    recounting.follow_settings(stage.team)
    with stage.counted() as asked:
        work()
    assert asked.operations.count("Deployments") == 1
    assert stage.row(pull).deployed_at == back(days=6) + timedelta(minutes=4)
    assert Application.objects.get(is_current=True).environment == "tokyo"


def test_a_correction_wins_and_can_be_removed(
    stage: Stage, shop: Place, alice: User, rf: RequestFactory
) -> None:
    merged(shop, back(days=9))
    first = deployed(shop, back(days=8))
    merged(shop, back(days=7))
    bad = deployed(shop, back(days=6))
    rollback = deployed(shop, back(days=5), first["sha"])
    stage.sync()
    look(stage)
    request = rf.post("/")
    request.user = alice
    row = Deployment.objects.get(node_id=bad["node_id"])
    assert (row.failed_by, row.recovery_time) == ("rollback", 86400)
    corrections.correct(request, row, failed=False, note="It was the data centre.")
    recounting.ask(row.application.repository_id)
    work()
    row.refresh_from_db()
    assert (row.is_failed, row.failed_by, row.recovered_at) == (False, "", None)
    assert row.mark_note == "It was the data centre."
    assert AuditEvent.objects.get(action="deployment.marked").details["said"] == "not failed"
    corrections.correct(request, row, failed=None)
    row.refresh_from_db()
    assert (row.is_failed, row.failed_by, row.recovery_time) == (True, "rollback", 86400)
    with pytest.raises(corrections.CorrectionError):
        corrections.correct(
            request, Deployment.objects.get(node_id=rollback["node_id"]), failed=True
        )


def test_a_label_that_makes_a_hotfix_is_followed(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    mending = merged(shop, back(days=7, hours=20))
    deployed(shop, back(days=7, hours=19))
    stage.sync()
    look(stage)
    assert not Deployment.objects.filter(is_failed=True).exists()
    do(shop, "label", BEGIN, number=mending.number, label="hotfix")
    stage.sync()
    work()
    assert Deployment.objects.get(is_failed=True).failed_by == "hotfix"
    assert_true(stage)


def test_hooks_report_deployments_releases_and_runs(
    tracked: TrackedRepository, github: Running
) -> None:
    """Without a look in between: only what the hook says is requested."""
    GitHubIntegration.objects.update(production_due_at=NEVER)
    pull = hooked.do(github, "open", title="Feature", commits=[{"message": "One"}])
    hooked.do(github, "deploy", ref="main", state="SUCCESS")
    work()
    of = Production.objects.get(repository=tracked.repository)
    assert (of.source, Deployment.objects.count()) == ("deployment", 1)
    hooked.do(github, "merge", number=pull["number"])
    made = hooked.do(github, "deploy", ref="main", state="IN_PROGRESS")
    work()
    assert Deployment.objects.count() == 1
    hooked.do(github, "set_deployment_status", deployment=made["id"], state="SUCCESS")
    # Nothing is requested for other environments than production.
    github.simulator.log.clear()
    hooked.do(github, "deploy", ref="main", state="SUCCESS", environment="preview-7")
    hooked.do(github, "release", tag="v1")
    # What a status moves to production is, however old.
    moved = hooked.do(github, "deploy", ref="main", environment="staging")
    there = github.simulator.world.repositories[tracked.github_repo_id].deployments[moved["id"]]
    there.environment = "production"
    hooked.do(github, "set_deployment_status", deployment=moved["id"], state="FAILURE")
    work()
    assert Deployment.objects.get(node_id=moved["node_id"]).state == "failure"
    assert [log.operation for log in github.simulator.log.requests].count("DeploymentsById") == 1
    row = PullRequest.objects.get(repository=tracked.repository)
    assert row.deployment == Deployment.objects.get(node_id=made["node_id"])
    recounting.choose(tracked.repository, "workflow", workflow="Deploy")
    work()
    hooked.do(github, "run_workflow", workflow="Deploy", ref="main", conclusion="success")
    ProductionWalk.objects.filter(workflow_id=None).update(runs_due_at=None)
    work()
    row.refresh_from_db()
    assert row.deployment is None  # Its first run: what preceded it is unknown.
    assert Application.objects.get(is_current=True).deployments.count() == 1


@dataclass
class Overtaking:
    """Another worker that takes over the recount, and finishes it, just before query `after`."""

    row: Production
    after: int

    def __post_init__(self) -> None:
        self.left = self.after
        self.depth = len(connection.savepoint_ids)

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        if len(connection.savepoint_ids) == self.depth:  # within a transaction the lease is locked
            self.left -= 1
            if self.left == -1:
                Lease.objects.filter(chore=recounting.RECOUNT.name).delete()
                Context().run(recounting.recount, Production.objects.get(pk=self.row.pk))
        return execute(*query)


def test_a_worker_that_was_overtaken_counts_nothing(stage: Stage, shop: Place) -> None:
    """Whenever another one takes over, between any two transactions of this one."""
    for days in range(9, 1, -2):
        merged(shop, back(days=days))
        deployed(shop, back(days=days - 1))
    stage.sync()
    look(stage)
    row = Production.objects.get(repository=stage.tracked("shop").repository)
    for after in range(100):
        bringing.rewind(row.repository.applications.get(), 1)
        recounting.ask(row.repository_id)
        other = Overtaking(row, after)
        with connection.execute_wrapper(other):
            recounting.RECOUNT.turn(timezone.now())
        look(stage)
        assert_true(stage)
        if other.left >= 0:  # it came too late
            break
    assert after > 5
