"""Lists past their first page: what is missing there is fetched later, and none is endless."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.integrations.github.documents import rest_of_lists
from apps.integrations.models import GitHubIntegration, ProductionWalk, SyncStatus
from apps.integrations.storing import recounting
from apps.integrations.sync import production, production_look, stale
from apps.integrations.tests import comparison
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.integrations.tests.test_missing_items import (
    assert_whole,
    deliveries,
    discover,
    look_twice,
    many_people,
    nulls_of,
    people,
    releases_of,
    turns,
    two_pages_of_statuses,
)
from apps.metrics.models import PullRequest
from github_simulator import actions
from github_simulator.faults import Fault
from github_simulator.truth import truth

pytestmark = pytest.mark.django_db
MOST = 100
"""Requests after which the fault ends, so that a program that follows it fails, but stops."""


def endless(shop: Place, leaf: str, query: str) -> Fault:
    return shop.strike("endless_list", leaf=leaf, contains=f"query {query}(", times=MOST)


def test_people(stage: Stage, shop: Place) -> None:
    many_people(shop)
    assert discover() == ""
    before = people()
    for leaf, query in (
        ("Organization.membersWithRole", "Members"),
        ("Organization.teams", "Groups"),
        ("Team.members", "GroupMembers"),
    ):
        fault = endless(shop, leaf, query)
        assert "says that more follow" in discover(), query
        assert fault.struck < 5
        assert people() == before
        shop.heal()
    assert discover() == ""


def test_repositories(stage: Stage, shop: Place) -> None:
    assert discover() == ""
    before = people()
    path = "/api/v3/orgs/acme/repos"
    link = {"link": f'<{shop.github.url}{path}?page=2>; rel="next"'}
    faults = shop.github.simulator.faults
    fault = faults.add(Fault("reply", path=path, body=[], headers=link, times=MOST))
    assert "says that more follow" in discover()
    assert fault.struck < MOST
    assert people() == before
    shop.heal()
    # A single empty page is skipped: GitHub hides items after it has counted them.
    faults.add(Fault("reply", path=path, body=[], headers=link, nth=1))
    link["link"] = link["link"].replace("page=2", "page=1")
    assert discover() == ""
    assert people() == before


def test_pull_requests(stage: Stage, shop: Place) -> None:
    long = shop.open(ago(days=5), commits=101)
    for _ in range(101):
        actions.submit_review(shop.deed(ago(days=4), small.GRACE), long, "COMMENTED")
    for _ in range(51):
        actions.convert_to_draft(shop.deed(ago(days=3)), long)
        actions.mark_ready(shop.deed(ago(days=3)), long)
    fault = endless(shop, "Repository.pullRequests", "PullRequests")
    run = stage.sync()
    assert fault.struck == 4
    for _ in range(10):
        let_time_pass(days=1)
        work()
    run.refresh_from_db()
    assert run.status == SyncStatus.ERROR
    assert "says that more follow" in stage.tracked().error
    shop.heal()
    for field in ("commits", "reviews", "timelineItems"):
        endless(shop, f"PullRequest.{field}", "RestOfLists")
    assert stage.sync().status == SyncStatus.COMPLETE
    # The missing rest is recorded, and fetched again.
    missing = {name.partition(".")[0] for name in stage.row(long).missing_fields}
    assert missing == {"commits", "reviews", "timeline_items"}
    shop.heal()
    let_time_pass(days=1)
    work()
    assert_whole(stage)
    PullRequest.objects.update(state=PullRequest.State.CLOSED)
    fault = endless(shop, "Repository.pullRequests", "OpenPullRequests")
    stage.sync()
    assert fault.struck < MOST
    shop.heal()
    let_time_pass(days=1)
    stage.sync()
    assert_whole(stage)


@pytest.mark.parametrize(
    ("leaf", "query"),
    [
        ("Repository.deployments", "Deployments"),
        ("Deployment.statuses", "DeploymentStatuses"),
        ("Repository.releases", "Releases"),
    ],
)
def test_deliveries(stage: Stage, shop: Place, leaf: str, query: str) -> None:
    if query == "Releases":
        releases_of(shop)
    else:
        two_pages_of_statuses(shop)
    stage.sync()
    fault = endless(shop, leaf, query)
    GitHubIntegration.objects.update(production_due_at=ago())
    for _ in range(10):
        turns(production_look.LOOK, production.WALK, recounting.RECOUNT)
        let_time_pass(days=1)
    assert 0 < fault.struck < MOST
    assert "says that more follow" in ProductionWalk.objects.get().error
    shop.heal()
    let_time_pass(days=1)
    look_twice(stage, shop)
    assert ProductionWalk.objects.get().error == ""
    found = deliveries(stage)
    assert len(found["deployments"]) >= 2
    assert all(complete for _, complete in found["is_complete"])


def test_rest_of_lists(stage: Stage, shop: Place) -> None:
    """Each item past the first page lacks another leaf; a later fetch completes it."""
    long = shop.open(ago(days=5), commits=160)
    for _ in range(130):
        actions.submit_review(shop.deed(ago(days=4), small.GRACE), long, "COMMENTED")
    for n, name in enumerate(("commits", "reviews")):
        kinds = ("Query.", "PullRequest.", "PageInfo.")
        items = (
            (leaf, silent)
            for leaf, silent in nulls_of(rest_of_lists([(name, False)]))
            if not leaf.startswith(kinds) and "Connection." not in leaf
        )
        for k, (leaf, silent) in enumerate(items):
            shop.strike("null_leaf", leaf=leaf, silent=silent, of=f"rest{n}.0.rest.nodes.{k}")
    assert stage.sync().status == SyncStatus.COMPLETE
    row = stage.row(long)
    # If a leaf is not nullable, GitHub drops its row; all others are there.
    assert 150 <= row.commits.count() < 160
    assert 125 <= row.reviews.count() < 130
    shop.heal()
    let_time_pass(days=1)
    work()
    assert_whole(stage)


ASKED = ("ReviewRequestedEvent", "ReviewRequestRemovedEvent")


def test_rest_of_timelines(stage: Stage, shop: Place) -> None:
    """Each event past the first page lacks another leaf; then pages of all lists do."""
    made = shop.open(ago(days=9), commits=130)
    for _ in range(120):
        actions.submit_review(shop.deed(ago(days=8), small.GRACE), made, "COMMENTED")
    for _ in range(50):
        actions.mark_ready(shop.deed(ago(days=7)), made)
        actions.convert_to_draft(shop.deed(ago(days=7)), made)
    of_the_page = []
    for leaf, silent in nulls_of(rest_of_lists([("timeline_items", False)])):
        kind = leaf.partition(".")[0]
        if kind in ("Query", "PullRequest", "PageInfo", "PullRequestTimelineItemsConnection"):
            of_the_page.append((leaf, silent))
            continue
        kind = kind if kind.endswith("Event") else ASKED[0]
        asked = {"requested_reviewer": shop.person(small.GRACE)} if kind in ASKED else {}
        actions.happened(shop.deed(ago(days=6)), made, kind, **asked)
        place = f"rest2.0.rest.nodes.{len(made.timeline) - 101}"
        shop.strike("null_leaf", leaf=leaf, silent=silent, of=place)
    assert len(made.timeline) <= 200
    assert stage.sync().status == SyncStatus.COMPLETE
    row = stage.row(made)
    assert row.missing_fields
    # Without its kind or time an event is missing; all others are there.
    assert row.timeline.count() >= len(made.timeline) - 40
    shop.heal()
    let_time_pass(days=1)
    work()
    assert_whole(stage)
    for name in ("commits", "reviews"):
        found = nulls_of(rest_of_lists([(name, False)]))
        of_the_page += [each for each in found if "Connection." in each[0] or f".{name}" in each[0]]
    repository, there = stage.tracked().repository, truth(shop.repository)
    for leaf, silent in of_the_page:
        stale.mark(stage.tracked(), [(made.number, made.node_id)], ago())
        shop.strike("null_leaf", leaf=leaf, silent=silent, contains="query RestOfLists(")
        work()
        # What was known stays.
        assert comparison.differences(repository, there) == [], (leaf, silent)
        shop.heal()
    let_time_pass(days=1)
    work()
    assert_whole(stage)


def test_an_empty_page_is_followed(stage: Stage, shop: Place) -> None:
    """GitHub hides items after it has counted them, so that a page may have none of them left."""
    many_people(shop)
    shop.open_many(60, newest=ago(days=1), every=timedelta(hours=3))
    for leaf, query in (
        ("Organization.membersWithRole", "Members"),
        ("Organization.teams", "Groups"),
        ("Team.members", "GroupMembers"),
        ("Repository.pullRequests", "PullRequests"),
    ):
        shop.strike("endless_list", leaf=leaf, contains=f"query {query}(", times=1)
    assert discover() == ""
    assert len(people()["members"]) > 100
    stage.sync()
    assert "could not be found" in stage.tracked().error
    for _ in range(3):
        let_time_pass(hours=2)
        work()
    assert_whole(stage)
