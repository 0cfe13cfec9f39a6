"""From merge to production: GitHub's responses that are not what they seem."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest
from django.test import Client

from apps.integrations.github import production
from apps.integrations.models import GitHubIntegration, Lease, ProductionWalk
from apps.integrations.storing import recounting
from apps.integrations.sync import production_look
from apps.integrations.tests.deploying import deployed, do, look, merged
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.integrations.work import leases
from apps.metrics.models import Deployment, Production
from github_simulator.faults import Fault
from github_simulator.git import git_of

pytestmark = pytest.mark.django_db


def test_a_workflow(stage: Stage, shop: Place) -> None:
    """Runs for pull requests of a fork's `main` do not count; and a workflow can be deleted."""
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
    """The only change is the prerelease flag: it is found even without hooks."""
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
    """It is not placed, and does not delay later deployments."""
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    made = [{"message": "Picked", "committed_at": f"{ago(days=7):%FT%TZ}"}]
    do(shop, "push_branch", ago(days=7), branch="elsewhere", commits=made)
    lost = deployed(shop, ago(days=6), "elsewhere")
    later = merged(shop, ago(days=5))
    deployed(shop, ago(days=4))
    stage.sync()
    path, said = "/api/v3/repos/acme/shop/compare", {"message": "No common ancestor"}
    shop.github.simulator.faults.add(Fault("reply", path=path, status=422, body=said))
    look(stage)
    row = Deployment.objects.get(node_id=lost["node_id"])
    assert (row.is_unplaced, row.is_counted, row.is_failed) == (True, True, False)
    assert stage.row(later).deployed_at is not None


def test_a_release_that_is_withdrawn(stage: Stage, shop: Place) -> None:
    """Deleted, or a draft again: it no longer counts, and what it brought waits again."""
    pulls = [merged(shop, ago(days=9 - n)) for n in range(3)]
    made = [
        do(shop, "release", ago(days=8.5 - n), tag=f"v{n}", sha=pull.merge_commit_oid)
        for n, pull in enumerate(pulls)
    ]
    stage.sync()
    look(stage)
    assert stage.row(pulls[1]).deployed_at
    gone, draft = (shop.repository.releases[each["id"]] for each in made[1:])
    draft.draft = True
    look(stage)
    assert stage.row(pulls[2]).deployed_at is None
    del shop.repository.releases[gone.id]
    look(stage)
    assert stage.row(pulls[1]).deployed_at is None
    assert Deployment.objects.filter(sequence__isnull=False).count() == 1
    # Published again, and followed by one of a smaller number: it brings both.
    draft.draft = False
    look(stage)
    assert stage.row(pulls[1]).deployed_at == stage.row(pulls[2]).deployed_at == draft.published_at


def test_a_release_that_cannot_be_told_is_not_withdrawn(stage: Stage, shop: Place) -> None:
    first, second = merged(shop, ago(days=9)), merged(shop, ago(days=7))
    do(shop, "release", ago(days=8), tag="v1", sha=first.merge_commit_oid)
    do(shop, "release", ago(days=6), tag="v2", sha=second.merge_commit_oid)
    stage.sync()
    look(stage)
    before = stage.row(second).deployed_at
    assert before
    shop.strike("null_leaf", leaf="Release.tagCommit")
    do(shop, "release", ago(days=5), tag="v3", sha=second.merge_commit_oid)
    look(stage)
    assert stage.row(second).deployed_at == before


def test_past_deployments_do_not_change(stage: Stage, shop: Place) -> None:
    """A moved tag and a repeated run change nothing in the past."""
    first, second = merged(shop, ago(days=9)), merged(shop, ago(days=7))
    run = {"workflow": "Deploy", "conclusion": "success"}
    do(shop, "run_workflow", ago(days=8), sha=first.merge_commit_oid, **run)
    again = do(shop, "run_workflow", ago(days=6), sha=second.merge_commit_oid, **run)
    for n, pull in enumerate((first, second)):
        do(shop, "release", ago(days=8 - 2 * n), tag=f"v{n}", sha=pull.merge_commit_oid)
    stage.sync()
    look(stage)
    released = stage.row(second).deployed_at
    git_of(shop.repository).tags["v1"] = first.merge_commit_oid or ""
    do(shop, "release", ago(days=1), tag="v2", sha=second.merge_commit_oid)
    look(stage)
    assert released
    assert stage.row(second).deployed_at == released
    assert Deployment.objects.get(name="v1").sha == second.merge_commit_oid
    recounting.choose(stage.tracked().repository, "workflow", workflow="Deploy")
    work()
    ran = stage.row(second).deployed_at
    do(shop, "rerun", ago(days=1), run=again["id"], conclusion="success")
    ProductionWalk.objects.update(due_at=ago(), runs_due_at=ago())
    work()
    assert ran
    assert stage.row(second).deployed_at == ran


def test_pages_that_take_github_too_long(stage: Stage, shop: Place) -> None:
    """Smaller pages are requested until one succeeds, and nothing is missing in the end."""
    pulls = [merged(shop, ago(days=9 - n)) for n in range(4)]
    for n in range(4):
        deployed(shop, ago(days=8.5 - n), pulls[n].merge_commit_oid)
    stage.sync()
    too_long = shop.strike("server_error", contains="Deployments(", status=502, times=6)
    branch = shop.strike("resource_limits", contains="BranchTip(", times=2)
    for _ in range(9):
        look(stage)
    assert (too_long.struck, branch.struck) == (6, 2)
    walk = ProductionWalk.objects.get()
    assert (walk.error, walk.deployments_read) == ("", True)
    assert walk.page_size < 100
    assert all(stage.row(pull).deployed_at for pull in pulls[1:])


def test_a_look_at_many_repositories_asks_about_fewer_where_github_gives_up(
    stage: Stage, shop: Place
) -> None:
    first = merged(shop, ago(days=9))
    deployed(shop, ago(days=8), first.merge_commit_oid)
    stage.track("other")
    stage.sync()
    too_much = shop.strike("null_data", contains="query NewestDeliveries(", nth=1)
    look(stage)
    assert too_much.struck == 1
    assert Deployment.objects.get().deployed_at


def test_a_look_at_more_repositories_than_a_turn_is_long_enough_for(
    stage: Stage, shop: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one comes the sooner, and each repository has its turn."""
    monkeypatch.setattr(production_look, "TURN", timedelta(0))
    monkeypatch.setattr(production, "AT_ONCE", 1)
    for place in (shop, stage.track("other")):
        pull = merged(place, ago(days=9))
        deployed(place, ago(days=8), pull.merge_commit_oid)
    stage.sync()
    look(stage)
    assert Deployment.objects.count() == 1
    due_at = GitHubIntegration.objects.get().production_due_at
    assert due_at
    assert due_at - ago() < production_look.EVERY * 0.6
    for _ in range(40):  # Their order is random.
        if Deployment.objects.count() < 2:
            look(stage)
    assert Deployment.objects.count() == 2


def test_a_commit_at_whose_comparison_github_fails(stage: Stage, shop: Place) -> None:
    """Three failures while GitHub answers everything else: then it cannot be placed."""
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    made = [{"message": "Picked", "committed_at": f"{ago(days=7):%FT%TZ}"}]
    do(shop, "push_branch", ago(days=7), branch="elsewhere", commits=made)
    lost = deployed(shop, ago(days=6), "elsewhere")
    later = merged(shop, ago(days=5))
    deployed(shop, ago(days=4))
    stage.sync()
    fault = Fault("server_error", path="/api/v3/repos/acme/shop/compare", status=503)
    shop.github.simulator.faults.add(fault)
    everything = shop.strike("server_error", contains="BranchTip(", nth=2)
    for _ in range(5):
        look(stage)
    # While nothing else was answered either, nothing was given up.
    assert (fault.struck, everything.struck) == (4, 1)
    assert Deployment.objects.get(node_id=lost["node_id"]).is_unplaced
    assert stage.row(later).deployed_at is not None


def test_runs_that_are_not_granted(stage: Stage, shop: Place) -> None:
    """Nothing else is affected, and each hour checks whether they are granted by now."""
    shop.repository.private = True
    pull = merged(shop, ago(days=9))
    runs = {"workflow": "Deploy", "ref": "main", "conclusion": "success"}
    do(shop, "run_workflow", ago(days=10), **runs)
    do(shop, "run_workflow", ago(days=8), **runs)
    granted = ("metadata", "pull_requests", "members", "contents", "deployments")
    installed = do(
        shop,
        "install_app",
        ago(days=10),
        owner="acme",
        permissions=dict.fromkeys(granted, "read"),
    )
    credential = stage.integration.credential
    credential.access_token = installed["token"]
    credential.save()
    assert stage.sync().status == "complete"
    look(stage)
    recounting.choose(stage.tracked().repository, "workflow", workflow="Deploy")
    work()
    of = Production.objects.get()
    assert (of.not_granted, of.is_complete) == (["actions"], True)
    assert stage.row(pull).merged_at
    with stage.counted() as asked:
        work()
    assert asked.requests == 0
    credential.access_token = stage.github.token
    credential.save()
    ProductionWalk.objects.update(due_at=ago(), runs_due_at=ago())
    work()
    assert Production.objects.get().not_granted == []
    assert Deployment.objects.count() == 2


def test_a_new_state_is_seen_though_nothing_else_changed(
    stage: Stage, shop: Place, bob_client: Client
) -> None:
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    made = deployed(shop, ago(hours=5), state="QUEUED")
    stage.sync()
    look(stage)
    page = "/a/acme/production/deployments/"
    before = bob_client.get(page, headers={"hx-request": "true"})
    deployment = {"deployment": made["id"], "state": "FAILURE"}
    do(shop, "set_deployment_status", ago(hours=1), **deployment)
    Deployment.objects.exclude(look_again_at=None).update(look_again_at=ago())
    ProductionWalk.objects.update(due_at=ago())
    work()
    after = bob_client.get(
        page, headers={"hx-request": "true", "if-none-match": before.headers["ETag"]}
    )
    assert after.status_code == 200


def test_a_recount_is_due_until_it_is_done(stage: Stage, shop: Place) -> None:
    """A worker that loses its turn, or is killed, leaves it to the next."""
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    stage.sync()
    look(stage)
    recounting.ask(stage.tracked().repository_id)
    claim = leases.claim_row(recounting.RECOUNT.name, Production.objects.get().pk, at_once=True)
    assert claim is not None
    Lease.objects.all().delete()
    with claim.held(), pytest.raises(leases.LeaseLostError):
        recounting.recount(Production.objects.get())
    assert Production.objects.get().is_recount_due
    work()
    assert not Production.objects.get().is_recount_due


def test_deployments_that_are_odd(stage: Stage, shop: Place, bob_client: Client) -> None:
    """A name with every kind of character, a deleted branch, and no status at all."""
    name = "Production/EU (日本) 100% #1?"
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8), environment=name)
    pull = merged(shop, ago(days=7))
    made = deployed(shop, ago(days=6), environment=name)
    silent = do(shop, "deploy", ago(days=5), ref="main", environment=name)
    shop.strike("null_leaf", leaf="Deployment.ref", silent=True)
    shop.strike("null_leaf", leaf="Deployment.latestStatus", of=silent["node_id"], silent=True)
    stage.sync()
    look(stage)
    row = Deployment.objects.get(node_id=made["node_id"])
    assert row.application.environment == name
    assert row.url.endswith(f"/acme/shop/deployments/{quote(name, safe='')}")
    assert stage.row(pull).deployment == row
    without = Deployment.objects.get(node_id=silent["node_id"])
    assert (without.state, without.deployed_at) == ("pending", None)
    for page in ("", f"{row.pk}/", f"{without.pk}/"):
        reply = bob_client.get(f"/a/acme/production/deployments/{page}?range=3m")
        assert name in unescape(reply.content.decode())
