"""`/a/{team}/promises/`: what the product promises, measured on itself, and its spot checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import BooleanField, DateTimeField, IntegerField
from django.test import Client
from django.utils import timezone

from apps.integrations import tasks
from apps.integrations.checks import accuracy
from apps.integrations.hooks.deliveries import MOST_MEASURED
from apps.integrations.models import Hook, SpotCheck, SyncRun, TrackedRepository, WebhookDelivery
from apps.integrations.tests import github as small
from apps.integrations.tests.deploying import deployed, look, merged
from apps.integrations.tests.github import connect
from apps.integrations.tests.stage import Stage, ago, set_up
from apps.metrics.lists import export
from apps.metrics.models import Deployment, Production, PullRequest
from apps.teams.models import Membership, Team
from github_simulator import actions
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
PAGE = "/a/acme/promises/"


def promises(client: Client, page: str = PAGE) -> dict[str, Any]:
    answer = client.get(page, headers={"accept": "application/json"}).json()
    return {promise["name"]: promise for promise in answer["promises"]}


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    """Ten stored pull requests."""
    stage = set_up(team, github)
    stage.track("shop").open_many(10, newest=ago(hours=1), every=timedelta(hours=5))
    stage.sync()
    return stage


def test_it_works(alice_client: Client, stage: Stage) -> None:
    tasks.compare_with_github()
    found = promises(alice_client)
    assert found["accuracy"]["shown"] == "100 %"
    assert "in 10 pull requests drawn at random" in found["accuracy"]["made_of"]
    assert found["syncing"]["made_of"] == "1 of 1 sync that ended was complete"
    assert found["syncing"]["is_kept"] is True
    page = alice_client.get(PAGE).content.decode()
    assert "everything was equal" in page
    assert "Kept" in page


def test_no_data_is_no_data(bob_client: Client, team: Team) -> None:
    for promise in promises(bob_client).values():
        assert promise["value"] is None
        assert promise["is_kept"] is None
    assert "There was none yet" in bob_client.get(PAGE).content.decode()


def test_a_difference_is_shown_with_both_values_and_repaired(
    alice_client: Client, stage: Stage
) -> None:
    PullRequest.objects.filter(number=1).update(additions=424242)
    tasks.compare_with_github()
    accuracy = promises(alice_client)["accuracy"]
    assert accuracy["is_kept"] is False
    assert accuracy["value"] < 1
    assert accuracy["shown"] != "100 %"
    page = alice_client.get(PAGE).content.decode()
    assert "<code>424242</code> here" in page
    assert not PullRequest.objects.filter(additions=424242).exists()


def test_once_a_day(stage: Stage) -> None:
    tasks.compare_with_github()
    with stage.counted() as asked:
        tasks.compare_with_github()
    assert asked.requests == 0
    assert SpotCheck.objects.count() == 1
    SpotCheck.objects.update(day=timezone.now().date() - timedelta(days=1))
    tasks.compare_with_github()
    assert SpotCheck.objects.count() == 2


def test_github_is_down(alice_client: Client, stage: Stage, github: Running) -> None:
    github.simulator.faults.add(Fault("server_error", path="/api/graphql"))
    tasks.compare_with_github()
    assert "Not finished" in alice_client.get(PAGE).content.decode()
    assert promises(alice_client)["accuracy"]["value"] is None


def test_connecting_counts_teams(
    github: Running, team: Team, alice_client: Client, alice: Any
) -> None:
    other = Team.objects.create(name="Beta", slug="beta")
    Membership.objects.create(team=other, user=alice, role="admin")
    connect(alice_client)
    connect(alice_client)  # reconnecting does not count another team
    alice_client.post("/a/beta/integrations/github/connect/")
    connecting = promises(alice_client)["connecting"]
    assert connecting["shown"] == "50.00 %"
    assert connecting["made_of"].startswith("1 of 2 teams")
    assert connecting["is_kept"] is False


def test_syncs_that_failed_and_old_ones(alice_client: Client, team: Team) -> None:
    now = timezone.now()
    for days, status in ((1, "complete"), (2, "error"), (31, "error")):
        ended = now - timedelta(days=days)
        SyncRun.objects.create(team=team, reason="manual", status=status, finished_at=ended)
    SyncRun.objects.create(team=team, reason="manual", status="syncing")
    syncing = promises(alice_client)["syncing"]
    assert syncing["made_of"] == "1 of 2 syncs that ended were complete"
    assert [week["value"] for week in syncing["history"]] == [0.5, None, None, None]


def _deliveries(*seconds: float) -> list[WebhookDelivery]:
    """Deliveries in turn, each shown some seconds after its event."""
    hook = Hook.objects.create(host="x", github_repo_id=1, secret="s")
    TrackedRepository.objects.update(hook=hook)
    began = timezone.now() - timedelta(hours=12)
    made = []
    for number, duration in enumerate(seconds):
        at = began + timedelta(seconds=number)
        times = {
            "received_at": at,
            "happened_at": at,
            "visible_at": at + timedelta(seconds=duration),
        }
        made.append(WebhookDelivery(hook=hook, guid=str(number), event="x", payload="{}", **times))
    return WebhookDelivery.objects.bulk_create(made, batch_size=1000)


def test_how_fast_changes_show(alice_client: Client, stage: Stage) -> None:
    _deliveries(2, 4, 6)
    latency = promises(alice_client)["latency"]
    assert latency["value"] == pytest.approx(5.8)
    assert (
        "median 4\xa0s, 95th percentile 6\xa0s, worst 6\xa0s, over 3 deliveries"
        in latency["made_of"]
    )
    assert latency["is_kept"] is True


def test_both_pages_show_the_same_newest_delivery(alice_client: Client, stage: Stage) -> None:
    _deliveries(9, *[1] * (MOST_MEASURED - 2), 600, 1)
    latency = promises(alice_client)["latency"]
    assert f"worst 10\xa0min, over {MOST_MEASURED} deliveries" in latency["made_of"]
    assert latency["shown"] == "worst 10 min"  # what decides
    assert latency["is_kept"] is False
    WebhookDelivery.objects.filter(pk__lte=WebhookDelivery.objects.order_by("-pk")[2].pk).delete()
    WebhookDelivery.objects.create(
        hook=Hook.objects.get(),
        guid="last",
        event="x",
        payload="{}",
        happened_at=ago(seconds=110),
        received_at=ago(seconds=110),
        visible_at=ago(seconds=100),
    )
    page = "/a/acme/integrations/github/webhooks/"
    shown = alice_client.get(page, headers={"accept": "application/json"}).json()["latency"]
    assert shown == {"median": 10, "p95": 541, "worst": 600, "count": 3}
    assert promises(alice_client)["latency"]["value"] == pytest.approx(541, abs=2)


def test_every_exported_field_is_compared_and_repaired(stage: Stage) -> None:
    shop = next(iter(stage.repositories.values()))
    made = shop.open(ago(hours=9), by=small.GRACE)
    actions.submit_review(shop.deed(ago(hours=8), small.ADA), made, "APPROVED")
    actions.merge(shop.deed(ago(hours=7), small.GRACE), made)
    stage.sync()
    before = [list(rows(stage.team, None)) for rows, _ in export.EXPORTS.values()]
    row = stage.row(made)
    spoilt = _spoil(row, export.PULL_REQUEST_FIELDS, "number", "node_id")
    spoilt |= _spoil(row.reviews.get(), export.REVIEW_FIELDS)
    spoilt |= _spoil(row.commits.get(), export.COMMIT_FIELDS, "sha", prefix="commit__")
    outcome = accuracy.check(1000, team=stage.team)
    assert {found.field.split()[-1] for found in outcome.differences} == spoilt
    assert [list(rows(stage.team, None)) for rows, _ in export.EXPORTS.values()] == before
    assert accuracy.check(1000, team=stage.team).differences == []


def test_deployments_are_fetched_again_too(stage: Stage) -> None:
    [shop] = stage.repositories.values()
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    merged(shop, ago(days=7))
    last = deployed(shop, ago(days=6))
    stage.sync()
    look(stage)
    assert accuracy.check(1000, team=stage.team).differences == []
    right = Deployment.objects.get(node_id=last["node_id"])
    assert right.deployed_at
    Deployment.objects.filter(pk=right.pk).update(
        deployed_at=right.deployed_at + timedelta(days=1), state="odd"
    )
    outcome = accuracy.check(1000, team=stage.team)
    assert outcome.deployments == 2
    assert {found.field for found in outcome.differences} == {"deployed_at", "state"}
    found = Deployment.objects.get(pk=right.pk)
    assert (found.deployed_at, found.state) == (right.deployed_at, right.state)
    assert Production.objects.get().is_recount_due


def test_rows_stored_during_the_request_stay(stage: Stage) -> None:
    shop = next(iter(stage.repositories.values()))
    pull = shop.repository.pull_requests[3]
    asked: list[str] = []

    def meanwhile(execute: Any, sql: str, *more: Any) -> Any:
        if "metrics_sameperson" in sql and not asked:
            asked.append(sql)  # after GitHub's response, before it is compared
            actions.edit(shop.deed(), pull, "title", "Changed")
            stage.sync()
        return execute(sql, *more)

    with connection.execute_wrapper(meanwhile):
        outcome = accuracy.check(1000, team=stage.team)
    assert stage.row(pull).title == "Changed"
    assert outcome.differences == []


def _spoil(row: Any, fields: Mapping[str, str], *keys: str, prefix: str = "") -> set[str]:
    """Falsifies all exported columns of a row except its identity; returns which they are."""
    names = {column.removeprefix(prefix) for column in fields.values()}
    names = {name for name in names if "__" not in name} - set(keys)
    wrong = {name: _wrong(row._meta.get_field(name), getattr(row, name)) for name in names}
    type(row).objects.filter(pk=row.pk).update(**wrong)
    return names


def _wrong(field: Any, value: Any) -> Any:
    if isinstance(field, BooleanField):
        return not value
    if isinstance(field, IntegerField):
        return (value or 0) + 1
    if isinstance(field, DateTimeField):
        return (value or ago()) + timedelta(hours=1)
    if isinstance(value, list):
        return [*value, "x"]
    return "L" if field.name == "size" else f"{value or ''}x"
