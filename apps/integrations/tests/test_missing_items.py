"""What GitHub cannot return of people, teams, repositories and deliveries loses no stored data.

Each leaf of each query in turn is null, with an error and, if the schema allows it, without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from graphql import parse

from apps.integrations.github import documents
from apps.integrations.github.documents import document
from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    Lease,
    StalePullRequest,
    SyncStatus,
)
from apps.integrations.repositories import discovery
from apps.integrations.storing import recounting
from apps.integrations.sync import production, production_look
from apps.integrations.tests import comparison
from apps.integrations.tests import github as small
from apps.integrations.tests.deploying import deployed, do, merged
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.integrations.work.chores import Chore
from apps.metrics.lists import export
from apps.metrics.models import Group, Production, PullRequest, Repository, TeamMember
from github_simulator.leaves import leaves_of
from github_simulator.truth import truth
from github_simulator.world import Account
from tests.test_contract import published

pytestmark = pytest.mark.django_db
QUERIES = Path(documents.__file__).parent / "queries"
Rows = dict[str, Any]


def nulls(query: str) -> Iterator[tuple[str, bool]]:
    """Each leaf that a query asks for, and whether its null comes without a word."""
    yield from nulls_of(document(re.sub(r"(?<!^)(?=[A-Z])", "_", query).lower()))


def nulls_of(text: str) -> Iterator[tuple[str, bool]]:
    for leaf, can_be_null in leaves_of(published(), parse(text)).items():
        if leaf.startswith("RateLimit."):
            continue  # `Query.rateLimit` stands for its optional fields.
        yield leaf, False
        if can_be_null:
            yield leaf, True


def turns(*chores: Chore[Any]) -> None:
    """The workers' turns of only these chores."""
    while any(chore.turn(datetime.now(UTC)) for chore in chores):
        pass


def people() -> Rows:
    fields = ("github_id", "github_username", "name", "avatar_url", "role", "is_active", "left_at")
    return {
        "members": list(TeamMember.objects.order_by("github_id").values_list(*fields)),
        "groups": {
            (group.github_id, group.slug, group.name): set(
                group.members.values_list("github_id", flat=True)
            )
            for group in Group.objects.all()
        },
        "repositories": set(
            AvailableRepository.objects.values_list("full_name", "pull_request_count")
        ),
    }


def discover() -> str:
    Lease.objects.all().delete()
    GitHubIntegration.objects.update(
        members_due_at=ago(), listing_since=None, listing_next="", discovery_error=""
    )
    turns(discovery.DISCOVERY)
    return GitHubIntegration.objects.get().discovery_error


def many_people(shop: Place) -> None:
    """More than a page of people in a team."""
    world = shop.github.simulator.world
    acme = world.organizations[small.ACME]
    for number in range(41_000_000, 41_000_100):
        world.accounts[number] = Account(number, f"U_{number}", f"p{number}", "User", "Person")
        acme.members[number] = "member"
        acme.teams[0].members.append(number)


@pytest.mark.parametrize("query", ["Members", "Groups", "GroupMembers", "PullRequestCounts"])
def test_people(stage: Stage, shop: Place, query: str) -> None:
    if query == "GroupMembers":
        many_people(shop)
    assert discover() == ""
    before = people()
    for leaf, silent in nulls(query):
        shop.strike("null_leaf", leaf=leaf, silent=silent, contains=f"query {query}(")
        discover()
        shop.heal()
        if leaf == "User.name" and silent:
            assert not any(TeamMember.objects.values_list("name", flat=True))  # They have none.
            discover()
        assert people() == before, (leaf, silent)
    assert discover() == ""
    assert people() == before


def test_an_unreadable_member_costs_no_other(stage: Stage, shop: Place) -> None:
    discover()
    world = shop.github.simulator.world
    world.organizations[small.ACME].members[small.LINUS] = "member"
    world.accounts[small.ADA].name = "Ada King"
    shop.strike("null_leaf", leaf="User.login", of="U_grace", contains="query Members(")
    assert "left out some of the organisation's people" in discover()
    names = dict(TeamMember.objects.filter(is_active=True).values_list("github_username", "name"))
    assert names == {"ada": "Ada King", "grace": "Grace Hopper", "linus": ""}
    shop.heal()
    del world.organizations[small.ACME].members[small.GRACE]
    assert discover() == ""
    assert not TeamMember.objects.get(github_username="grace").is_active


def deliveries(stage: Stage) -> Rows:
    make, _ = export.EXPORTS["deployments"]
    reached = ("number", "deployed_at", "lead_time", "deployment__sha")
    return {
        "deployments": list(make(stage.team, None)),
        "reached": list(PullRequest.objects.order_by("number").values_list(*reached)),
        "is_complete": list(Production.objects.values_list("source", "is_complete")),
    }


def look_twice(stage: Stage, shop: Place) -> None:
    """Now, and when the missing data is returned again."""
    for _ in range(2):
        GitHubIntegration.objects.update(production_due_at=ago())
        turns(production_look.LOOK, production.WALK, recounting.RECOUNT)
        shop.heal()
        let_time_pass(days=1)


def deployments_of(shop: Place) -> None:
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    merged(shop, ago(days=7))
    do(shop, "deploy", ago(days=6), ref="main", state="PENDING")


def two_pages_of_statuses(shop: Place) -> None:
    deployments_of(shop)
    made = do(shop, "deploy", ago(days=5), ref="main")
    for state in (*["QUEUED"] * 101, "SUCCESS"):
        do(shop, "set_deployment_status", ago(days=5), deployment=made["id"], state=state)


def two_pages_of_commits(shop: Place) -> None:
    merged(shop, ago(days=9))
    older = [{"message": "Work", "committed_at": f"{ago(days=9):%FT%TZ}"}] * 101
    do(shop, "push_branch", ago(days=9), commits=older)
    deployments_of(shop)


def releases_of(shop: Place) -> None:
    for day in (9, 7):
        pull = merged(shop, ago(days=day))
        do(shop, "release", ago(days=day - 1), tag=f"v{9 - day}", sha=pull.merge_commit_oid)


@pytest.mark.parametrize(
    ("happened", "queries"),
    [
        (deployments_of, ("Deployments", "DeploymentsById", "NewestDeliveries", "BranchTip")),
        (two_pages_of_statuses, ("DeploymentStatuses",)),
        (two_pages_of_commits, ("BranchHistory",)),
        (releases_of, ("Releases", "NewestDeliveries")),
    ],
)
def test_deliveries(
    stage: Stage, shop: Place, happened: Callable[[Place], None], queries: tuple[str, ...]
) -> None:
    """With the leaf missing, and again a day later, all is there."""
    happened(shop)
    stage.sync()
    before = transaction.savepoint()
    look_twice(stage, shop)
    whole = deliveries(stage)
    assert len(whole["deployments"]) >= 2
    transaction.savepoint_rollback(before)
    for query in queries:
        for leaf, silent in nulls(query):
            if leaf == "Release.tagCommit" and silent:
                continue  # The tag is gone.
            before = transaction.savepoint()
            shop.strike("null_leaf", leaf=leaf, silent=silent, contains=f"query {query}(")
            look_twice(stage, shop)
            assert deliveries(stage) == whole, (query, leaf, silent)
            transaction.savepoint_rollback(before)


def assert_whole(stage: Stage) -> None:
    """Everything is stored as on GitHub, without a remark."""
    for place in stage.repositories.values():
        row = stage.tracked(place.repository.full_name)
        assert (row.status, row.error) == (SyncStatus.COMPLETE, ""), row.full_name
        assert comparison.differences(row.repository, truth(place.repository)) == []
    assert not StalePullRequest.objects.exists()


def test_newest_changes(stage: Stage) -> None:
    """Each repository lacks another leaf once; after another poll nothing is missing."""
    leaves = [each for each in nulls("NewestChanges") if not each[0].startswith("Query.")]
    places = [stage.track(f"r{n:02}") for n, _ in enumerate(leaves)]
    for place in places:
        place.open(ago(days=2))
    stage.sync()
    known = [dict(row) for row in Repository.objects.order_by("pk").values()]
    for n, (place, (leaf, silent)) in enumerate(zip(places, leaves, strict=True)):
        place.open(ago(hours=1))
        only = {"of": f"nodes.{n}", "contains": "query NewestChanges("}
        place.strike("null_leaf", leaf=leaf, silent=silent, **only)
    stage.poll()
    assert PullRequest.objects.filter(number=2).exists()
    places[0].heal()
    let_time_pass(minutes=10)
    stage.poll()
    assert_whole(stage)
    found = [dict(row) for row in Repository.objects.order_by("pk").values()]
    for row, before in zip(found, known, strict=True):
        changed = {name for name in row if row[name] != before[name]}
        assert changed <= {"modified_at", "fetched_at", "revision"}, row


def test_open_pull_requests(stage: Stage, shop: Place) -> None:
    """A closed one that was never shown is found once the list of open ones is complete."""
    shop.open(ago(days=3))
    shop.open(ago(days=2))
    stage.sync()
    for leaf, silent in nulls("OpenPullRequests"):
        PullRequest.objects.filter(number=1).update(state=PullRequest.State.CLOSED)
        shop.strike("null_leaf", leaf=leaf, silent=silent, contains="query OpenPullRequests(")
        stage.sync()
        shop.heal()
        let_time_pass(hours=1)
        work()
        stage.sync()
        assert_whole(stage)


def test_pull_request_names(stage: Stage, shop: Place) -> None:
    """Pull requests that a page cannot return are found by name, at once or later."""
    shop.open(ago(days=3))
    shop.open(ago(days=2))
    before = transaction.savepoint()
    for leaf, silent in nulls("PullRequestNames"):
        if leaf == "Query.repository" and silent:
            continue  # It is gone.
        number = {"leaf": "PullRequest.number", "contains": "query PullRequests("}
        shop.strike("null_leaf", **number)
        shop.strike("null_leaf", leaf=leaf, silent=silent, contains="query PullRequestNames(")
        stage.sync()
        shop.heal()
        for _ in range(2):
            let_time_pass(days=1)
            work()
        assert_whole(stage)
        transaction.savepoint_rollback(before)
        before = transaction.savepoint()


def test_newest_releases(stage: Stage) -> None:
    """Where deployments are not granted; each repository lacks another leaf."""
    leaves = [each for each in nulls("NewestReleases") if not each[0].startswith("Query.")]
    places = [stage.track(f"r{n:02}") for n, _ in enumerate(leaves)]
    for place in places:
        releases_of(place)
    stage.sync()
    for n, (leaf, silent) in enumerate(leaves):
        for query in ("NewestDeliveries", "Deployments"):
            refused = {"leaf": "Repository.deployments", "type": "FORBIDDEN"}
            places[n].strike("null_leaf", contains=f"query {query}(", times=1, **refused)
        only = {"of": f"nodes.{n}", "contains": "query NewestReleases(", "times": 1}
        places[n].strike("null_leaf", leaf=leaf, silent=silent, **only)
    GitHubIntegration.objects.update(production_due_at=ago())
    turns(production_look.LOOK)
    assert len(places[0].github.simulator.faults.active) == 3 * len(leaves)
    look_twice(stage, places[0])
    found = deliveries(stage)
    assert len(found["deployments"]) == 2 * len(places)
    assert all(complete for _, complete in found["is_complete"])


def looked_up(stage: Stage) -> Rows | None:
    """What is known of a repository after it was looked up by its name."""
    discovery.look_up(stage.team, ["acme/shop"])
    untimed = {"id", "listed_at", "created_at", "modified_at"}
    row = AvailableRepository.objects.filter(full_name="acme/shop").values().first()
    return row and {name: value for name, value in row.items() if name not in untimed}


def test_repository(stage: Stage, shop: Place) -> None:
    whole = looked_up(stage)
    assert whole
    for leaf, silent in nulls("Repository"):
        shop.strike("null_leaf", leaf=leaf, silent=silent, contains="query Repository(")
        assert looked_up(stage) == whole, (leaf, silent)
        AvailableRepository.objects.all().delete()
        found = looked_up(stage)
        # What remains is right; without its identity or its owner it is not listed.
        missing = {name for name in found or () if found and found[name] != whole[name]}
        assert missing <= {"pushed_at", "default_branch"}, (leaf, silent)
        shop.heal()
        assert looked_up(stage) == whole, (leaf, silent)


def test_each_query_is_covered() -> None:
    """Here, or among the leaves of pull requests in `test_missing_fields.py`."""
    names = {
        re.findall(r"^query (\w+)", path.read_text(), re.MULTILINE)[0]
        for path in QUERIES.glob("*.graphql")
        if path.stem != "fragments"
    }
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    elsewhere = {"PullRequests", "PullRequestsById"}
    covered = {name for name in names if re.search(rf"\(?\"{name}\"|query {name}\(", tests)}
    assert names - covered - elsewhere == set()
