"""From merge to production: what is stored of deployments matches GitHub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from django.db import transaction

from apps.integrations.github.documents import document
from apps.integrations.github.production_records import ReportedDeployment
from apps.integrations.models import (
    ProductionWalk,
    StaleDeployment,
)
from apps.integrations.repositories import adhoc_production
from apps.integrations.storing import deliveries
from apps.integrations.sync import stale_deployments
from apps.integrations.tests.deploying import (
    BEGIN,
    assert_true,
    back,
    deployed,
    do,
    elsewhere,
    look,
    merged,
    status,
)
from apps.integrations.tests.stage import Place, Stage, ago, set_up, work
from apps.metrics.models import (
    Application,
    Deployment,
    Production,
)
from apps.teams.models import Team
from github_simulator.faults import Fault

pytestmark = pytest.mark.django_db


def test_it_works(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    first, second = merged(shop, back(days=7)), merged(shop, back(days=6), "squash")
    made = deployed(shop, back(days=5))
    merged(shop, back(days=1))
    stage.sync()
    look(stage)
    assert_true(stage)
    row = Deployment.objects.get(node_id=made["node_id"])
    assert set(row.pull_requests.values_list("number", flat=True)) == {first.number, second.number}
    found = stage.row(first)
    assert found.deployment == row
    assert found.deploy_time == 2 * 86400 + 240
    assert found.lead_time == (found.cycle_time or 0) + found.deploy_time
    of = Production.objects.get(repository=row.application.repository)
    assert (of.source, of.is_complete, of.is_chosen) == ("deployment", True, False)


@pytest.mark.parametrize("seed", [1, 2])
def test_deployments_match_plain_sets(stage: Stage, shop: Place, seed: int) -> None:
    """Step by step as it happens, and all at once for another team."""
    story = _Story(shop, Random(seed))
    for _ in range(6):
        for _ in range(12):
            story.go_on()
        stage.sync()
        look(stage)
        assert_true(stage)
    other = set_up(Team.objects.create(name="Other", slug="other"), stage.github)
    other.repositories["shop"] = shop
    other.take_up(shop)
    look(other)
    other.sync()
    assert_true(other)


class _Story:
    """People merge, deploy, roll back, revert, fix and cherry-pick, at random."""

    def __init__(self, shop: Place, rng: Random) -> None:
        self.shop, self.rng, self.at = shop, rng, back(days=60)
        self.seen = [merged(shop, self.at - timedelta(days=1))]
        self.shas: list[str] = []

    def go_on(self) -> None:
        self.at += timedelta(minutes=self.rng.randint(20, 1200))
        do_it = self.rng.choice(
            [
                self.merge,
                self.merge,
                self.merge_stack,
                self.deploy,
                self.deploy,
                self.deploy_everywhere,
                self.back,
                self.elsewhere,
                self.revert,
                self.mend,
                self.fail,
            ]
        )
        do_it()

    def merge(self, **draft: Any) -> None:
        method = self.rng.choice(["merge", "squash", "rebase"])
        self.seen.append(merged(self.shop, self.at, method, **draft))

    def deploy(self) -> None:
        to = self.rng.choice(["production", "production", "prod-eu", "staging"])
        self.shas.append(deployed(self.shop, self.at, environment=to)["sha"])

    def merge_stack(self) -> None:
        """One pull request on another: a single commit merges both."""
        below, above = (self.shop.open(self.at - timedelta(hours=1)) for _ in range(2))
        do(self.shop, "merge", self.at, number=above.number, below=[below.number])
        self.seen += [below, above]

    def deploy_everywhere(self) -> None:
        """To two regions in the same second, in any order."""
        for to in self.rng.sample(["production", "prod-eu"], 2):
            self.shas.append(deployed(self.shop, self.at, environment=to)["sha"])

    def back(self) -> None:
        if self.shas:
            deployed(self.shop, self.at, self.rng.choice(self.shas[-4:]))

    def elsewhere(self) -> None:
        """A release branch with a cherry-pick of its own."""
        self.shas.append(deployed(self.shop, self.at, elsewhere(self.shop, self.at))["sha"])

    def revert(self) -> None:
        what = self.rng.choice(self.seen)
        self.merge(title=f'Revert "{what.title}"', body=f"Reverts #{what.number} again")

    def mend(self) -> None:
        self.merge(title="hotfix: mend it")

    def fail(self) -> None:
        deployed(self.shop, self.at, state=self.rng.choice(["FAILURE", "ERROR", "QUEUED"]))


def test_nothing_new_costs_two_points_for_a_hundred_repositories(stage: Stage, shop: Place) -> None:
    """Whether there are deployments, releases or nothing at all."""
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    library, quiet = stage.track("library"), stage.track("quiet")
    merged(quiet, back(days=7))
    merged(library, back(days=7))
    do(library, "release", back(days=6), tag="v1")
    stage.sync()
    look(stage)
    with stage.counted() as asked:
        look(stage)
    assert (asked.requests, asked.points) == (1, 1)  # Three repositories cost a point.
    sources = dict(Production.objects.values_list("repository__full_name", "source"))
    assert sources == {"acme/shop": "deployment", "acme/library": "release", "acme/quiet": ""}


def test_a_long_branch_is_read_only_as_far_as_it_matters(stage: Stage, shop: Place) -> None:
    """Commits before the first deployment bring nothing; what lies below is never fetched."""
    start = back(days=300)
    made = [
        {"message": f"{n}", "committed_at": f"{start + timedelta(hours=n):%FT%TZ}"}
        for n in range(900)
    ]
    merged(shop, start - timedelta(days=1))
    do(shop, "push_branch", start, commits=made)
    first = merged(shop, back(days=40))
    deployed(shop, back(days=39))
    after = [merged(shop, back(days=38 - n)) for n in range(12)]
    deployed(shop, back(days=2))
    stage.sync()
    with stage.counted() as asked:
        look(stage)
    assert asked.operations.count("BranchHistory") == 0
    assert asked.requests <= 4
    assert stage.row(first).was_live_before
    assert all(stage.row(pull).deployed_at for pull in after)
    # A rollback far down requires more of the branch.
    deployed(shop, back(hours=9), made_sha(shop, 20))
    look(stage)
    assert Deployment.objects.get(is_rollback=True).took_out is not None
    assert_true(stage)


def made_sha(place: Place, number: int) -> str:
    known = place.repository.git.commits.values()
    return next(one.oid for one in known if one.message == str(number))


def test_statuses_that_come_days_later(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    first = deployed(shop, back(days=8))
    merged(shop, back(days=7))
    waits = do(shop, "deploy", back(days=6), ref="main")
    failed = do(shop, "deploy", back(days=6), ref="main")
    status(shop, failed, "FAILURE", back(days=5))
    long_ago = do(shop, "deploy", back(days=40), ref="main")
    status(shop, long_ago, "FAILURE", back(days=40))
    stage.sync()
    look(stage)
    row = Deployment.objects.get(node_id=waits["node_id"])
    again = Deployment.objects.get(node_id=failed["node_id"])
    assert (row.deployed_at, row.sequence, row.state) == (None, None, "pending")
    assert (again.deployed_at, again.sequence, again.state) == (None, None, "failure")
    assert Deployment.objects.get(node_id=long_ago["node_id"]).look_again_at is None
    status(shop, waits, "SUCCESS", back(hours=1))
    status(shop, failed, "SUCCESS", back(hours=2))  # Its job was run again.
    # Missing by id and in the list, it is requested again.
    shop.strike("null_leaf", leaf="Deployment.commitOid", of=waits["node_id"], times=2)
    for _ in range(2):
        Deployment.objects.exclude(look_again_at=None).update(look_again_at=ago())
        with stage.counted() as asked:
            work()
        assert asked.operations.count("DeploymentsById") == 1
    row.refresh_from_db()
    again.refresh_from_db()
    assert (again.deployed_at, row.deployed_at) == (back(hours=2), back(hours=1))
    assert Deployment.objects.get(node_id=first["node_id"]).state == "inactive"
    # A later one makes it inactive, which does not change when it was live.
    deployed(shop, back(minutes=30))
    look(stage)
    row.refresh_from_db()
    assert (row.deployed_at, row.state) == (back(hours=1), "inactive")
    assert_true(stage)


def test_the_terminal_continues_while_there_is_progress(
    stage: Stage, shop: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    merged(shop, back(days=20))
    deployed(shop, back(days=19))
    for days in range(1, 8):
        merged(shop, back(days=days))
        deployed(shop, back(days=days, hours=-2), elsewhere(shop, back(days=days, hours=-1)))
    stage.sync()
    tracked = stage.tracked("shop")
    shop.strike("server_error", contains="query BranchTip")
    said: list[str] = []
    assert "incomplete" in adhoc_production.read(tracked, None, said.append)
    # What is known is shown.
    assert Application.objects.filter(is_current=True).exists()
    shop.heal()
    path = f"/api/v3/repos/{tracked.full_name}/compare"
    for nth in range(1, 20, 2):
        shop.github.simulator.faults.add(Fault("server_error", path=path, nth=nth))
    assert adhoc_production.read(tracked, None, said.append) == ""
    assert not said
    assert not Deployment.objects.filter(is_unplaced=True).exists()
    assert_true(stage)


def test_a_status_change_during_a_request_is_not_lost(stage: Stage, shop: Place) -> None:
    """GitHub's earlier response is stored after the hook; the deployment stays due all the same."""
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    waits = do(shop, "deploy", ago(minutes=5), ref="main")
    stage.sync()
    look(stage)
    row = Deployment.objects.get(node_id=waits["node_id"])
    assert row.look_again_at
    before = ReportedDeployment(
        row.node_id, row.sha, row.requested_at, None, "production", "in_progress"
    )
    asked_at = datetime.now(UTC)
    status(shop, waits, "SUCCESS", ago())
    stale_deployments.mark({stage.tracked(): {row.node_id: ["production"]}}, datetime.now(UTC))
    of = Production.objects.get(repository=row.application.repository)
    for _ in range(2):  # Stored first, and stored last.
        with transaction.atomic():
            deliveries.deployments(of, [before], asked_at)
        work()
        row.refresh_from_db()
        assert (bool(row.deployed_at), row.state) == (True, "success")


def test_a_hook_may_use_a_former_form_of_a_deployments_id(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    waits = do(shop, "deploy", ago(minutes=5), ref="main")
    stage.sync()
    look(stage)
    status(shop, waits, "SUCCESS", ago())
    told = httpx.post(
        f"{shop.github.url}/api/graphql",
        json={
            "query": document("deployments_by_id"),
            "variables": {"ids": [waits["node_id"]]},
        },
        headers={"Authorization": f"Bearer {shop.github.token}"},
    )
    shop.strike("reply", body=told.json(), contains="MDEwOkRlcGxveW1lbnQ3", times=1)
    former = {"MDEwOkRlcGxveW1lbnQ3": ["production"]}
    stale_deployments.mark({stage.tracked(): former}, datetime.now(UTC))
    work()
    assert Deployment.objects.get(node_id=waits["node_id"]).deployed_at
    assert not StaleDeployment.objects.exists()


def test_a_status_moves_a_deployment_to_another_environment(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    deployed(shop, back(days=8), environment="live")
    pull = merged(shop, back(days=7))
    made = deployed(shop, back(days=6))
    stage.sync()
    look(stage)
    assert_true(stage)
    shop.repository.deployments[made["id"]].environment = "live"
    deployed(shop, back(days=4), environment="staging")
    look(stage)
    row = Deployment.objects.get(node_id=made["node_id"], is_left_out=False)
    assert row.application.environment == "live"
    assert stage.row(pull).deployment == row
    assert_true(stage)
    environments = Production.objects.get(repository=row.application.repository).environments
    assert environments == {"production": 2, "live": 1, "staging": 1}


def test_a_branch_that_was_force_pushed(stage: Stage, shop: Place) -> None:
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    dropped = merged(shop, back(days=7))
    deployed(shop, back(days=6))
    stage.sync()
    look(stage)
    do(shop, "reset_branch", back(days=5), drop=1)
    kept = merged(shop, back(days=4))
    made = deployed(shop, back(days=3))
    stage.sync()
    look(stage)
    row = Deployment.objects.get(node_id=made["node_id"])
    assert list(row.pull_requests.values_list("number", flat=True)) == [kept.number]
    assert stage.row(dropped).deployed_at == back(days=6) + timedelta(minutes=4)


def test_a_worker_whose_clock_was_ahead(stage: Stage, shop: Place) -> None:
    """What it noted of when it read the branch keeps no later deployment without its place."""
    merged(shop, back(days=9))
    deployed(shop, back(days=8))
    stage.sync()
    look(stage)
    ProductionWalk.objects.update(branch_tip_at=BEGIN + timedelta(minutes=10))
    merged(shop, back(days=7))
    deployed(shop, back(days=6))
    stage.sync()
    look(stage)
    assert_true(stage)
