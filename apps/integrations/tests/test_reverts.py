"""Reverts are linked, whichever of the two is read first."""

from __future__ import annotations

from datetime import datetime

import pytest

from apps.integrations.tests.stage import Place, Stage, ago
from apps.metrics.models import PullRequest
from github_simulator import actions
from github_simulator.world import PullRequest as There

pytestmark = pytest.mark.django_db


def merged(shop: Place, at: datetime) -> There:
    pull = shop.open(at)
    actions.merge(shop.deed(at), pull)
    return pull


def saying(shop: Place, message: str) -> There:
    """A pull request whose only commit has this message."""
    pull = shop.open(ago(hours=1))
    pull.commits[0].message = message
    return pull


def reverted(stage: Stage, pull: There) -> int | None:
    """The number of what it reverts; -1 if it is no revert."""
    row: PullRequest = stage.row(pull)
    if not row.is_revert:
        return -1
    return row.reverts.number if row.reverts else None


@pytest.mark.parametrize("digits", [40, 7])
def test_it_works(stage: Stage, shop: Place, digits: int) -> None:
    work, other = merged(shop, ago(days=3)), merged(shop, ago(days=2))
    revert = saying(
        shop, f'Revert "Work"\n\nThis reverts commit {(work.merge_commit_oid or "")[:digits]}.'
    )
    stage.sync()
    assert reverted(stage, revert) == work.number
    assert reverted(stage, other) == -1


def test_a_revert_is_read_before_what_it_reverts(stage: Stage, shop: Place) -> None:
    work, twin = merged(shop, ago(days=90)), merged(shop, ago(days=89))
    by_sha = saying(shop, f"Back out\n\nThis reverts commit {work.merge_commit_oid}.")
    by_number = shop.open(ago(hours=2), body=f"Reverts #{twin.number}")
    stage.team.history_days = 30
    stage.team.save()
    stage.sync()
    assert reverted(stage, by_sha) == -1
    assert reverted(stage, by_number) is None
    stage.team.history_days = None
    stage.team.save()
    stage.sync()
    assert reverted(stage, by_sha) == work.number
    assert reverted(stage, by_number) == twin.number


def test_a_revert_is_read_after_what_it_reverts(stage: Stage, shop: Place) -> None:
    work = merged(shop, ago(days=3))
    stage.sync()
    by_sha = saying(shop, f"Back out\n\nThis reverts commit {work.merge_commit_oid}.")
    by_number = shop.open(ago(minutes=30), body=f"Reverts acme/shop#{work.number}")
    stage.sync()
    assert reverted(stage, by_sha) == work.number
    assert reverted(stage, by_number) == work.number


def test_what_is_no_merge_and_what_is_elsewhere_is_not_linked(stage: Stage, shop: Place) -> None:
    work = merged(shop, ago(days=3))
    own_commit = saying(shop, f"Back out\n\nThis reverts commit {work.commits[0].oid}.")
    elsewhere = shop.open(ago(minutes=30), body=f"Reverts acme/other#{work.number}")
    stage.sync()
    assert reverted(stage, own_commit) == -1
    assert reverted(stage, elsewhere) is None


def test_a_revert_stays_one_when_it_is_read_again(stage: Stage, shop: Place) -> None:
    work = merged(shop, ago(days=3))
    revert = saying(shop, f"Back out\n\nThis reverts commit {work.merge_commit_oid}.")
    stage.sync()
    actions.merge(shop.deed(ago(minutes=5)), revert)
    stage.sync()
    assert reverted(stage, revert) == work.number
