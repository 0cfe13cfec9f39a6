"""From merge to production: what is stored of deployments matches GitHub."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.integrations.github.documents import document
from apps.integrations.github.production_records import ReportedDeployment
from apps.integrations.models import (
    GitHubIntegration,
    Lease,
    ProductionWalk,
    StaleDeployment,
    TrackedRepository,
)
from apps.integrations.repositories import adhoc_production
from apps.integrations.storing import bringing, corrections, deliveries, recounting
from apps.integrations.sync import stale_deployments
from apps.integrations.tests import delivered, hooked
from apps.integrations.tests.stage import NEVER, Place, Stage, ago, set_up, work
from apps.metrics.models import (
    Application,
    Deployment,
    Production,
    PullRequest,
    Repository,
)
from apps.teams.models import Team
from apps.users.models import User
from github_simulator.acts import act
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


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
