"""What GitHub cannot return is missing, and the rest stays: each requested leaf, in turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from graphql import parse

from apps.integrations.checks import accuracy
from apps.integrations.github.documents import document
from apps.integrations.models import Lease, StalePullRequest, SyncStatus, TrackedRepository
from apps.integrations.sync import stale
from apps.integrations.tests import comparison
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.metrics.lists import export
from apps.metrics.models import Commit, PRReview, PullRequest
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.leaves import leaves_of
from github_simulator.truth import truth
from github_simulator.world import PullRequest as There
from tests.test_contract import published

pytestmark = pytest.mark.django_db
BEYOND = (
    *("9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z"),
    *("+292278994-08-17T07:12:55Z", "-0001-01-01T00:00:00Z", "yesterday", ""),
)
BYTE_FF = chr(0xDCFF)  # as the simulator is told to send it
Rows = dict[str, dict[tuple[Any, ...], dict[str, Any]]]

# They identify the repository and the next page; without these nothing can be stored.
IDENTIFIES_ALL = {
    *("Query.repository", "Query.rateLimit", "Repository.id", "Repository.nameWithOwner"),
    *("Repository.pullRequests", "PullRequestConnection.nodes", "PullRequestConnection.pageInfo"),
    *("PullRequestConnection.totalCount", "PageInfo.hasNextPage", "Repository.url"),
    *("Repository.isPrivate", "Repository.isArchived", "Repository.isFork", "Repository.owner"),
}
KEYS = {
    "pull-requests": ("repository", "number"),
    "reviews": ("place",),
    "commits": ("repository", "number", "sha"),
}


@pytest.fixture
def shop(stage: Stage) -> Place:
    place = stage.track("shop")
    place.open_many(2, newest=ago(days=5), every=timedelta(hours=5))
    return place


@pytest.fixture
def rich(shop: Place) -> There:
    """A pull request with all kinds of data, among others with little."""
    made = shop.open(ago(days=3), by=small.GRACE, commits=3, body="Reverts #2", is_draft=True)
    actions.mark_ready(shop.deed(ago(days=2), small.GRACE), made)
    actions.submit_review(shop.deed(ago(days=1.9), small.ADA), made, "CHANGES_REQUESTED")
    actions.submit_review(shop.deed(ago(days=1.7), small.ADA), made, "APPROVED")
    actions.merge(shop.deed(ago(days=1), small.ADA), made)
    return made


def rows(team: Team) -> Rows:
    found: Rows = {}
    for kind, key in KEYS.items():
        make, _ = export.EXPORTS[kind]
        placed = ({**row, "place": place} for place, row in enumerate(make(team, None)))
        found[kind] = {tuple(row[name] for name in key): row for row in placed}
    return found


def begin_anew() -> None:
    """Deletes everything stored, and restarts the sync."""
    PullRequest.objects.all().delete()
    forget_delays()
    TrackedRepository.objects.update(
        history_cursor="", history_complete=False, watermark=None, looks=0, unshown=0
    )


def forget_delays() -> None:
    """Makes pull requests that were set aside due at once."""
    StalePullRequest.objects.all().delete()
    Lease.objects.all().delete()


def refresh(stage: Stage) -> None:
    """Fetches everything again."""
    stored = PullRequest.objects.values_list("number", "node_id")
    stale.mark(TrackedRepository.objects.get(), stored, ago())
    work()


# Rows that a leaf identifies, or whose whole list depends on it.
LOSES = {
    "PullRequest.id": set(KEYS),
    "PullRequest.number": set(KEYS),
    "Commit.oid": {"commits"},
    "PullRequest.commits": {"commits"},
    "PullRequestCommit.commit": {"commits"},
    "PullRequestCommitConnection.nodes": {"commits"},
    "PullRequest.reviews": {"reviews"},
    "PullRequestReview.id": {"reviews"},
    "PullRequestReviewConnection.nodes": {"reviews"},
}
# They are derived: with less data, from the rest.
FIGURES = {
    *("first_commit_at", "ready_at", "first_review_at", "approved_at", "cycle_time"),
    *("coding_time", "pickup_time", "review_time", "merge_time", "time_to_merge"),
    *("review_rounds", "commits_after_first_review", "reviewers", "is_external", "is_revert"),
    *("is_hotfix", "has_old_commit", "is_bot"),
    *("ai", "ai_tools", "ai_evidence", "initiator_login", "initiator_github_id", "human_touched"),
    *("first_ai_review_at", "ai_reviews"),
}


def tellable() -> dict[str, bool]:
    """The leaves that may be missing, and whether they can be null."""
    leaves = leaves_of(published(), parse(document("pull_requests")))
    return {leaf: leaves[leaf] for leaf in sorted(leaves.keys() - IDENTIFIES_ALL)}


def differences(before: Rows, after: Rows, may_be_lost: set[str]) -> list[str]:
    """What is neither unchanged nor missing."""
    found: list[str] = []
    for kind, wanted in before.items():
        if kind not in may_be_lost:
            found += [f"{kind} {key} is gone" for key in wanted.keys() - after[kind].keys()]
        found += [
            f"{kind} {key} {name}: {after[kind][key][name]!r} instead of {value!r}"
            for key in wanted.keys() & after[kind].keys()
            for name, value in wanted[key].items()
            if after[kind][key][name] not in (value, None) and name not in FIGURES
        ]
    return found


def test_it_works(stage: Stage, shop: Place, rich: There) -> None:
    stage.sync()
    whole = rows(stage.team)
    for leaf, can_be_null in tellable().items():
        # A nullable leaf is null with an error or without; another one only with an error.
        for silent in (False, True) if can_be_null else (False,):
            begin_anew()
            shop.strike("null_leaf", leaf=leaf, silent=silent)
            run = stage.sync()
            shop.heal()
            lost = LOSES.get(leaf, set())
            # Without its identity a pull request is missing, and the sync says so.
            expected = SyncStatus.ERROR if lost == set(KEYS) else SyncStatus.COMPLETE
            assert run.status == expected, (leaf, run.error)
            assert ("pull requests" in run.error) is (lost == set(KEYS)), leaf
            assert differences(whole, rows(stage.team), lost) == [], leaf


def test_what_was_known_before_stays(stage: Stage, shop: Place, rich: There) -> None:
    stage.sync()
    before = rows(stage.team)
    for leaf in tellable():
        forget_delays()
        shop.strike("null_leaf", leaf=leaf)
        refresh(stage)
        assert rows(stage.team) == before, leaf
        assert accuracy.check(100, team=stage.team).differences == [], leaf
        assert rows(stage.team) == before, leaf
        shop.heal()


# Times from wrong clocks or other programs, outside Python's range in UTC.
STRANGE = [
    *((f"Commit.{name}", at) for name in ("authoredDate", "committedDate") for at in BEYOND),
    *((f"PullRequest.{name}", at) for name in ("createdAt", "updatedAt") for at in BEYOND),
    *((f"PullRequest.{name}", at) for name in ("closedAt", "mergedAt") for at in BEYOND),
    *(("PullRequestReview.submittedAt", at) for at in BEYOND),
    *(("MergedEvent.createdAt", at) for at in BEYOND),
    *(("Repository.pushedAt", at) for at in BEYOND),
    *(("PullRequest.fullDatabaseId", number) for number in ("-1", "99999999999999999999", "x")),
    ("PullRequestReview.fullDatabaseId", "99999999999999999999"),
]


def test_values_out_of_range(stage: Stage, shop: Place, rich: There) -> None:
    stage.sync()
    whole = rows(stage.team)
    for leaf, value in STRANGE:
        begin_anew()
        shop.strike("strange_leaf", leaf=leaf, value=value)
        run = stage.sync()
        shop.heal()
        assert run.status == SyncStatus.COMPLETE, (leaf, value, run.error)
        assert differences(whole, rows(stage.team), set()) == [], (leaf, value)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("a\ud83d b", "a\ufffd b"),
        (f"a{BYTE_FF} b", "a\ufffd b"),
        ("a\x00 b", "a b"),
        ("a😀 b", "a😀 b"),
    ],
)
def test_malformed_text_stops_nothing(stage: Stage, shop: Place, sent: str, stored: str) -> None:
    pull = shop.open(ago(days=3), body=sent, title=sent)
    pull.head_ref = sent
    pull.commits[0].message = f"{sent}\n\n{sent}"
    assert stage.sync().status == SyncStatus.COMPLETE
    row = stage.row(pull)
    assert (row.title, row.head_branch) == (stored, stored)
    assert row.commits.get().message_headline == stored
    assert row.missing_fields == {}


def test_the_page_names_missing_data(
    stage: Stage, shop: Place, rich: There, alice_client: Client
) -> None:
    shop.strike("null_leaf", leaf="PullRequest.additions", of=rich.number)
    stage.sync()
    address = f"/a/acme/pull-requests/acme/shop/{rich.number}/"
    page = " ".join(alice_client.get(address).content.decode().split())
    assert "GitHub could not tell how many lines it adds." in page
    assert "<dd>−3 in " in page
    shop.heal()
    refresh(stage)
    assert "could not tell" not in alice_client.get(address).content.decode()
    shop.strike("null_leaf", leaf="PullRequest.additions", of=rich.number)
    shop.strike("null_leaf", leaf="Commit.authoredDate", of=rich.commits[1].oid)
    refresh(stage)
    page = " ".join(alice_client.get(address).content.decode().split())
    assert (
        "GitHub could not tell how many lines it adds and when a commit was written. "
        "What was known before is shown."
    ) in page
    assert "<dd>S: +15 −3 in " in page


def test_an_unreadable_commit_is_kept_by_its_hash(stage: Stage, shop: Place, rich: There) -> None:
    lost = rich.commits[1].oid
    shop.strike("null_leaf", leaf="Commit.additions", of=lost)
    assert stage.sync().status == SyncStatus.COMPLETE
    found = rows(stage.team)["commits"]
    of_rich = {key[2]: row["additions"] for key, row in found.items() if key[1] == rich.number}
    assert of_rich == {each.oid: None if each.oid == lost else 5 for each in rich.commits}


def test_lists_are_read_from_both_ends(stage: Stage) -> None:
    """Every length at which a page, or both, may or may not reach the other."""
    place = stage.track("long")
    made = [
        place.open(ago(days=2), commits=count) for count in (1, 100, 101, 200, 201, 299, 301, 501)
    ]
    for number, pull in enumerate(made[2:], start=1):
        for _ in range(len(pull.commits) - number):
            actions.submit_review(place.deed(ago(days=1), small.GRACE), pull, "COMMENTED")
    with stage.counted() as asked:
        assert stage.sync().status == SyncStatus.COMPLETE
    row = stage.tracked("long")
    there = stage.github.simulator.world.repositories[row.github_repo_id]
    assert comparison.differences(row.repository, truth(there)) == []
    assert asked.operations.count("RestOfLists") == 4


def test_long_lists_cost_a_point_for_each_page_that_has_some(stage: Stage) -> None:
    """Ten of 260 commits and 130 reviews among 1,000 cost 38 points in total; here among fewer."""
    place = stage.track("long")
    place.open_many(100, newest=ago(days=2), every=timedelta(minutes=10))
    pulls = list(place.repository.pull_requests.values())
    for pull in pulls[::10]:
        pull.commits += [place.commit(ago(days=3)) for _ in range(259)]
        for _ in range(130):
            soon = pull.created_at + timedelta(minutes=1)  # so that it stays on its own page
            actions.submit_review(place.deed(soon, small.GRACE), pull, "COMMENTED")
    with stage.counted() as asked:
        assert stage.sync().status == SyncStatus.COMPLETE
    pages = asked.operations.count("PullRequests")
    assert asked.operations.count("RestOfLists") <= min(10, pages)
    assert asked.points <= pages + 10
    assert (PRReview.objects.count(), Commit.objects.count()) == (1_300, 2_690)


def test_a_leaf_at_either_end_of_a_long_list(stage: Stage) -> None:
    place = stage.track("long")
    pull = place.open(ago(days=2), commits=260)
    strange = [pull.commits[n].oid for n in (0, 99, 100, 150, 199, 200, 259)]
    for oid in strange:
        place.strike("null_leaf", leaf="Commit.author", of=oid)
    assert stage.sync().status == SyncStatus.COMPLETE
    row = stage.row(pull)
    assert row.missing_fields == {"commits.author": False}
    unknown = row.commits.filter(author_login=None).values_list("sha", flat=True)
    assert set(unknown) == set(strange)
    place.heal()
    refresh(stage)
    for oid in strange:
        place.strike("null_leaf", leaf="Commit.author", of=oid)
    refresh(stage)
    assert stage.row(pull).missing_fields == {"commits.author": True}
    assert not stage.row(pull).commits.filter(author_login=None).exists()
