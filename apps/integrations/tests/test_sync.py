"""What a sync stores: complete, cheap, and the same every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.integrations.models import (
    GitHubIntegration,
    Lease,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.sync import schedule
from apps.integrations.sync.stale import mark
from apps.integrations.tests import comparison
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.metrics.models import Commit, PullRequest, Repository
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.acts import act
from github_simulator.truth import truth

pytestmark = pytest.mark.django_db


def assert_true(stage: Stage) -> None:
    """Everything stored equals GitHub's data."""
    for place in stage.repositories.values():
        there = place.repository
        stored = Repository.objects.get(team=stage.team, github_repo_id=there.id)
        assert comparison.differences(stored, truth(there)) == []


def test_it_works(stage: Stage, shop: Place) -> None:
    shop.open_many(60, newest=ago(hours=1), every=timedelta(hours=5))
    run = stage.sync()
    assert run.status == SyncStatus.COMPLETE
    assert run.pull_requests == 60
    assert stage.tracked().pull_requests_total == 60
    assert stage.tracked().last_sync_at is not None
    assert_true(stage)


def test_a_second_time_changes_nothing(stage: Stage, shop: Place) -> None:
    shop.open_many(30, newest=ago(hours=1), every=timedelta(hours=5))
    stage.sync()
    before = list(PullRequest.objects.order_by("pk").values_list("pk", "number", "title"))
    with stage.counted() as asked:
        run = stage.sync()
    assert run.status == SyncStatus.COMPLETE
    assert asked.requests == 1
    assert list(PullRequest.objects.order_by("pk").values_list("pk", "number", "title")) == before


def test_ten_changes_cost_one_or_two_requests(stage: Stage, shop: Place) -> None:
    pulls = shop.open_many(120, newest=ago(days=2), every=timedelta(hours=1))
    stage.sync()
    for pull in pulls[::12]:
        actions.submit_review(shop.deed(ago(hours=1), small.GRACE), pull, "APPROVED")
    with stage.counted() as asked:
        stage.sync()
    assert asked.requests <= 2
    assert_true(stage)


def test_nothing_new_in_a_thousand_repositories(stage: Stage) -> None:
    for number in range(1000):
        place = stage.add(f"service-{number}")
        place.open(ago(days=3))
        stage.take_up(place)
    TrackedRepository.objects.update(
        status=SyncStatus.COMPLETE, watermark=ago(days=3), history_complete=True, served_at=ago()
    )
    with stage.counted() as asked:
        stage.poll()
    assert asked.requests <= 10
    assert asked.points <= 10
    assert not SyncRun.objects.exists()


def test_an_empty_repository(stage: Stage, shop: Place) -> None:
    assert stage.sync().status == SyncStatus.COMPLETE
    shop.open()
    stage.poll()
    assert_true(stage)


def test_what_happens_between_two_polls(stage: Stage, shop: Place) -> None:
    merged, reopened, edited, drafted, rebased = shop.open_many(
        5, newest=ago(days=3), every=timedelta(hours=1)
    )
    actions.merge(shop.deed(ago(days=2)), merged)
    actions.close(shop.deed(ago(days=2)), reopened)
    actions.submit_review(shop.deed(ago(days=2), small.GRACE), edited, "APPROVED")
    stage.sync()

    late = shop.deed(ago(hours=2), small.GRACE)
    actions.submit_review(late, merged, "COMMENTED")
    actions.reopen(late, reopened)
    actions.dismiss_review(late, edited, edited.reviews[0])
    actions.edit(late, edited, "title", "A better title \x00 😀")
    actions.convert_to_draft(late, drafted)
    actions.push(late, rebased, [shop.commit(ago(hours=2)) for _ in range(3)])
    act(shop.github.simulator, "label", {**where(shop, edited.number), "label": "hotfix"})
    stage.poll()
    assert_true(stage)
    assert stage.row(reopened).state == "open"
    assert stage.row(edited).is_hotfix
    gone = [commit.oid for commit in rebased.commits]

    actions.force_push(shop.deed(ago(hours=1)), rebased, [shop.commit(ago(hours=1))])
    actions.mark_ready(shop.deed(ago(hours=1)), drafted)
    stage.poll()
    assert_true(stage)
    assert not Commit.objects.filter(sha__in=gone).exists()


def where(place: Place, number: int) -> dict[str, object]:
    return {"repository": place.repository.full_name, "number": number, "actor": "ada"}


def test_a_commit_in_two_pull_requests_outlives_one_of_them(stage: Stage, shop: Place) -> None:
    one, two = shop.open_many(2, newest=ago(days=2), every=timedelta(hours=1))
    shared = shop.commit(ago(days=3))
    actions.push(shop.deed(ago(days=2)), one, [shared])
    actions.push(shop.deed(ago(days=2)), two, [shared])
    stage.sync()
    actions.force_push(shop.deed(ago(days=1)), one, [shop.commit(ago(days=1))])
    stage.poll()
    assert_true(stage)
    assert Commit.objects.filter(sha=shared.oid).count() == 1


def test_a_repository_that_was_renamed_and_its_name_taken(stage: Stage, shop: Place) -> None:
    old = shop.open(ago(days=2))
    stage.sync()
    act(shop.github.simulator, "rename_repository", {"repository": "acme/shop", "name": "store"})
    other = stage.add("shop")
    other.open(ago(days=1), title="Another author's work")
    del stage.repositories["shop"]
    stage.repositories["store"] = shop
    shop.open(ago(hours=1))
    stage.poll()
    assert_true(stage)
    assert stage.tracked().full_name == "acme/store"
    assert stage.row(old).url == f"{stage.github.url}/acme/store/pull/{old.number}"
    assert not PullRequest.objects.filter(title="Another author's work").exists()


def test_a_repository_that_was_transferred(stage: Stage, shop: Place) -> None:
    shop.open(ago(days=2))
    stage.sync()
    given = {"repository": "acme/shop", "owner": "ada"}
    act(shop.github.simulator, "transfer_repository", given)
    shop.open(ago(hours=1))
    stage.poll()
    assert_true(stage)
    assert stage.tracked().full_name == "ada/shop"


def test_a_deleted_author_and_a_deleted_fork(stage: Stage, shop: Place) -> None:
    pull = shop.open(ago(days=2), by=small.LINUS)
    pull.head_repository = None
    actions.submit_review(shop.deed(ago(days=1), small.LINUS), pull, "COMMENTED")
    act(shop.github.simulator, "delete_account", {"login": "linus"})
    stage.sync()
    assert_true(stage)
    assert stage.row(pull).author_login is None


def test_what_is_left_out_goes_by_the_repositorys_name(stage: Stage, shop: Place) -> None:
    Team.objects.update(excluded_repositories=["acme/shop"], excluded_branches=["release/*"])
    work_there = shop.open()
    stage.sync()
    assert stage.row(work_there).is_excluded
    act(shop.github.simulator, "rename_repository", {"repository": "acme/shop", "name": "store"})
    stage.poll()
    work()
    assert not stage.row(work_there).is_excluded


def test_the_same_where_the_list_of_repositories_tells_the_new_name_first(
    stage: Stage, shop: Place
) -> None:
    Team.objects.update(excluded_repositories=["acme/shop"])
    work_there = shop.open(ago(days=2))
    stage.sync()
    assert stage.row(work_there).is_excluded
    act(shop.github.simulator, "rename_repository", {"repository": "acme/shop", "name": "store"})
    GitHubIntegration.objects.update(members_due_at=ago())
    work()
    assert stage.tracked().full_name == "acme/store"
    assert not stage.row(work_there).is_excluded
    stage.poll()
    assert "/acme/store/pull/" in stage.row(work_there).url


def test_a_renamed_member_is_renamed_everywhere(stage: Stage, shop: Place) -> None:
    old, *_ = shop.open_many(60, newest=ago(days=2), every=timedelta(days=1))
    actions.submit_review(shop.deed(old.created_at), old, "COMMENTED")
    stage.sync()
    act(shop.github.simulator, "rename_account", {"login": "ada", "new_login": "countess"})
    shop.open(ago(hours=1))
    stage.poll()
    assert_true(stage)


def test_lists_longer_than_a_page_come_in_batches(stage: Stage, shop: Place) -> None:
    pulls = shop.open_many(12, newest=ago(days=9), every=timedelta(hours=1))
    for pull in pulls[:6]:
        actions.push(shop.deed(ago(days=8)), pull, [shop.commit(ago(days=8)) for _ in range(399)])
        for n in range(150):
            at = ago(days=7, minutes=-n)
            actions.submit_review(shop.deed(at, small.GRACE), pull, "COMMENTED")
        for n in range(60):
            actions.close(shop.deed(ago(days=6, minutes=-n)), pull)
            actions.reopen(shop.deed(ago(days=6, minutes=-n)), pull)
    with stage.counted() as asked:
        stage.sync()
    assert_true(stage)
    assert asked.requests <= 5
    assert stage.tracked().points == asked.points == stage.tracked().requests


def test_a_window_is_widened_without_fetching_twice(stage: Stage, shop: Place) -> None:
    shop.open_many(300, newest=ago(days=1), every=timedelta(days=1))
    Team.objects.update(history_days=90)
    stage.team.refresh_from_db()
    stage.sync()
    assert PullRequest.objects.count() == 89
    assert stage.tracked().status == SyncStatus.COMPLETE
    with stage.counted() as first:
        stage.sync()
    assert first.requests == 1
    assert PullRequest.objects.count() == 89

    Team.objects.update(history_days=None)
    with stage.counted() as asked:
        stage.sync()
    assert_true(stage)
    # The newest page, the page at which the window ended, and older ones.
    assert asked.requests <= 2 + (300 - 90) // 37 + 1
    assert stage.tracked().history_complete


def test_the_latest_thirty_days_of_all_come_before_anyones_history(stage: Stage) -> None:
    for name in ("large", "small", "tiny"):
        stage.track(name).open_many(150, newest=ago(days=1), every=timedelta(days=1))
    with stage.counted():
        stage.sync()
        asked_for = [request.operation for request in stage.github.simulator.log.requests]
    served = list(TrackedRepository.objects.order_by("pk").values_list("reached_at", flat=True))
    assert len(asked_for) >= 12
    assert all(at and at < ago(days=140) for at in served)
    recent = PullRequest.objects.filter(updated_at__gt=ago(days=30)).order_by("-fetched_at").first()
    old = PullRequest.objects.filter(updated_at__lt=ago(days=70)).order_by("fetched_at").first()
    assert recent
    assert old
    assert recent.fetched_at < old.fetched_at


def test_a_small_repository_is_not_starved_by_a_large_one(stage: Stage) -> None:
    for name, count in (("large", 300), ("small", 40)):
        stage.track(name).open_many(count, newest=ago(days=40), every=timedelta(hours=12))
    stage.begin()
    while stage.tracked("small").status != SyncStatus.COMPLETE:
        claimed = schedule.claim(datetime.now(UTC))
        assert claimed
        schedule.serve(claimed, turn=timedelta(0))  # a page, as if each took its whole turn
    large = PullRequest.objects.filter(repository__full_name="acme/large")
    assert 0 < large.count() < 150


def test_a_change_is_seen_in_the_middle_of_a_history(stage: Stage, shop: Place) -> None:
    *_, changed = shop.open_many(200, newest=ago(days=1), every=timedelta(minutes=5))
    stage.begin()
    claimed = schedule.claim(datetime.now(UTC))
    assert claimed
    steps = 0

    def edit_meanwhile(tracked: TrackedRepository) -> None:
        nonlocal steps
        steps += 1
        if steps == 1:
            changed.title = "Edited"
            mark(tracked, [(changed.number, changed.node_id)], datetime.now(UTC))

    with stage.counted() as counted:
        schedule.serve(claimed, on_step=edit_meanwhile)
    assert counted.operations[-1] == "PullRequests"
    assert counted.operations.index("PullRequestsById") <= 2
    assert_true(stage)


def test_a_change_in_the_second_of_the_last_sync_is_not_lost(stage: Stage, shop: Place) -> None:
    shop.open(ago(days=1))
    now = ago()
    shop.open(now)
    stage.sync()
    shop.open(now)  # GitHub's clock counts whole seconds
    stage.poll()
    assert_true(stage)


def test_a_second_request_joins_the_current_run(stage: Stage, shop: Place) -> None:
    shop.open(ago(days=1))
    assert stage.begin() == stage.begin()
    work()
    assert SyncRun.objects.get().finished_at is not None


def test_a_run_ends_though_its_worker_was_killed_before_it_could_say_so(
    stage: Stage, shop: Place
) -> None:
    shop.open(ago(days=1))
    run = stage.sync()
    SyncRun.objects.update(finished_at=None, status=SyncStatus.PENDING)
    work()
    run.refresh_from_db()
    assert run.status == SyncStatus.COMPLETE


def test_a_killed_workers_repository_is_claimed_after_its_lease(stage: Stage, shop: Place) -> None:
    shop.open(ago(days=1))
    stage.begin()
    TrackedRepository.objects.update(status=SyncStatus.SYNCING, due_at=None)
    key = stage.tracked().pk
    Lease.objects.create(chore="sync", key=key, owner="killed", until=ago(minutes=-1))
    work()
    assert stage.tracked().status == SyncStatus.SYNCING
    let_time_pass(minutes=2)
    work()
    assert stage.tracked().status == SyncStatus.COMPLETE
    assert_true(stage)
