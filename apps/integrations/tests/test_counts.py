"""What is stored is compared with GitHub's own count: nothing incomplete counts as complete."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from apps.integrations.models import SyncStatus
from apps.integrations.tests import comparison
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator.truth import truth

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(stage: Stage) -> Place:
    place = stage.track("shop")
    place.open_many(90, newest=ago(days=1), every=timedelta(hours=5))
    return place


def unlist(shop: Place, *numbers: int) -> None:
    """GitHub's index does not show them yet."""
    for number in numbers:
        shop.github.act("unlist", repository="acme/shop", number=number)


def assert_whole(stage: Stage) -> None:
    row = stage.tracked("shop")
    assert (row.status, row.error) == (SyncStatus.COMPLETE, "")
    there = stage.github.simulator.world.repositories[row.github_repo_id]
    assert comparison.differences(row.repository, truth(there)) == []


@pytest.mark.parametrize("numbers", [(90,), (1,), (7, 50, 90), tuple(range(20, 60))])
def test_it_works(stage: Stage, shop: Place, numbers: tuple[int, ...]) -> None:
    unlist(shop, *numbers)
    with stage.counted() as asked:
        stage.sync()
    assert_whole(stage)
    assert asked.operations.count("PullRequestsByNumber") == 1


def test_one_that_came_late_below_the_watermark(stage: Stage, shop: Place) -> None:
    stage.sync()
    late = shop.open(ago(hours=20))
    unlist(shop, late.number)
    shop.open(ago(minutes=30))
    stage.poll()
    assert stage.row(late)
    assert_whole(stage)


def test_only_the_count_reveals_it(stage: Stage, shop: Place) -> None:
    stage.sync()
    late = shop.open(ago(hours=20))
    unlist(shop, late.number)
    stage.poll()
    assert stage.row(late)
    assert_whole(stage)


def test_a_count_that_is_met_costs_nothing(stage: Stage, shop: Place) -> None:
    with stage.counted() as asked:
        stage.sync()
    assert set(asked.operations) == {"PullRequests"}
    assert_whole(stage)


def test_what_cannot_be_found_is_reported_and_looked_for_again(stage: Stage, shop: Place) -> None:
    unlist(shop, 7)
    shop.strike("null_leaf", leaf="Repository.pullRequest")
    run = stage.sync()
    assert run.status == SyncStatus.ERROR
    sentence = "GitHub counts 90 pull requests, and 1 of them could not be found."
    assert sentence in stage.tracked("shop").error
    with stage.counted() as asked:
        work()
    assert asked.requests == 0
    shop.heal()
    let_time_pass(hours=1)
    work()
    assert PullRequest.objects.filter(number=7).exists()
    assert_whole(stage)


def test_what_github_counts_but_never_shows_becomes_a_remark(
    stage: Stage, shop: Place, alice_client: Client
) -> None:
    unlist(shop, 7)
    shop.strike("null_leaf", leaf="Repository.pullRequest")
    stage.sync()
    looks = 1
    while stage.tracked("shop").status == SyncStatus.ERROR:
        assert looks < 10
        let_time_pass(hours=1)
        work()
        looks += 1
    assert 2 < looks < 6
    sentence = "GitHub counts 1 pull request more than it shows."
    assert sentence in alice_client.get("/a/acme/integrations/github/sync/status/").content.decode()
    # It is not requested again until GitHub counts another one.
    shop.open(ago(minutes=40))
    with stage.counted() as asked:
        stage.poll()
    assert "PullRequestsByNumber" not in asked.operations
    shop.heal()
    unlist(shop, shop.open(ago(hours=20)).number)
    stage.poll()
    assert_whole(stage)
    assert stage.tracked("shop").unshown == 0


def test_of_a_part_of_the_history_nothing_is_missing(stage: Stage, shop: Place) -> None:
    Team.objects.update(history_days=7)
    stage.team.refresh_from_db()
    with stage.counted() as asked:
        assert stage.sync().status == SyncStatus.COMPLETE
    assert "PullRequestsByNumber" not in asked.operations


def test_a_number_of_comments_that_lags_is_read_again(stage: Stage, shop: Place) -> None:
    """GitHub corrects it within minutes, without reporting a change."""
    stage.sync()
    pull = shop.repository.pull_requests[90]
    review = {"number": pull.number, "actor": "grace", "state": "COMMENTED", "comments": 3}
    shop.github.act("review", repository="acme/shop", **review)
    lags = {"leaf": "PullRequest.totalCommentsCount", "value": 0, "of": pull.number}
    shop.strike("strange_leaf", **lags)
    stage.poll()
    assert (stage.row(pull).comment_count, stage.row(pull).reviews.count()) == (0, 1)
    shop.heal()
    with stage.counted() as asked:
        stage.poll()
    assert stage.row(pull).comment_count == 3
    # A point to notice the change, and one for the page.
    assert asked.points == 2
    assert_whole(stage)


@pytest.mark.parametrize("is_open_here", [True, False])
def test_a_state_that_changed_unseen_is_found_by_the_count_of_open_ones(
    stage: Stage, shop: Place, is_open_here: bool
) -> None:
    """No list of GitHub's by last change shows it."""
    stage.sync()
    pull = shop.repository.pull_requests[7]
    if is_open_here:
        pull.state, pull.closed_at = "CLOSED", ago(days=2)
    else:
        PullRequest.objects.filter(number=7).update(state=PullRequest.State.CLOSED)
    shop.open(ago(minutes=40))
    with stage.counted() as asked:
        stage.poll()
    assert stage.row(pull).state == ("closed" if is_open_here else "open")
    wanted = ["NewestChanges", "PullRequests", "OpenPullRequests", "PullRequestsById"]
    assert (asked.operations, asked.points) == (wanted, 4)
    with stage.counted() as asked:
        stage.poll()
    assert "OpenPullRequests" not in asked.operations
