"""Which deployments of an application failed, and what holds where a person said otherwise.

It follows from rows that are stored: what deployments brought, reverts and hotfixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.integrations.storing.updating import update
from apps.metrics.calculations.deployments import (
    Failure,
    History,
    Live,
    PullRequest,
    failures_of,
)
from apps.metrics.figures import freshness
from apps.metrics.models import Application, DeployedPullRequest, Deployment
from apps.metrics.models import PullRequest as Row

_STORED = (
    *("found_cause", "mended_by_id", "evidence_id"),
    *("is_failed", "failed_by", "recovered_at", "recovery_time"),
)
# What is neither read nor written here is not fetched: an application may have many.
_READ = (
    *(name.removesuffix("_id") for name in _STORED),
    *("node_id", "requested_at", "deployed_at", "sequence", "took_out", "marked_failed"),
    *("is_unplaced", "is_first", "is_repeat", "is_rollback", "is_restore", "is_left_out", "place"),
)


def refresh(application: Application) -> bool:
    """Stores anew which of its deployments failed; whether that changed of any."""
    rows = list(
        Deployment.objects.filter(
            Q(sequence__isnull=False) | ~Q(failed_by=""), application=application
        )
        .order_by("sequence", "deployed_at", "requested_at", "node_id")
        .only(*_READ)
    )
    counted = [row for row in rows if row.sequence is not None]
    merged, bringer, keys = _pull_requests(application, counted)
    places = {row.pk: place for place, row in enumerate(counted)}
    back = [
        (place, places[row.took_out_id])
        for place, row in enumerate(counted)
        if row.took_out_id in places
    ]
    history = History([_live(row) for row in counted], bringer, back)
    found = failures_of(history, merged)
    by_id = {row.node_id: row for row in counted}
    changed = [
        row for row in rows if _set_changed(row, _columns(row, found.get(row.node_id), by_id, keys))
    ]
    if changed:
        _save(application, changed)
    return bool(changed)


def follow(row: Deployment) -> None:
    """Lets what a person said of a deployment hold; the caller stores it."""
    at = row.mended_by.deployed_at if row.mended_by else None
    for name, value in _holding(row, row.found_cause, at).items():
        setattr(row, name, value)


def _live(row: Deployment) -> Live:
    return Live(row.node_id, row.requested_at, row.deployed_at or row.requested_at, row.is_judged)


def _pull_requests(
    application: Application, counted: Sequence[Deployment]
) -> tuple[list[PullRequest], dict[str, int], dict[int, int]]:
    """Reverts, hotfixes and what was reverted; who brought each; and their keys by number."""
    links = DeployedPullRequest.objects.filter(deployment__application=application)
    reverted = Row.objects.filter(reverts__isnull=False, repository=application.repository_id)
    mending = Q(pull_request__reverts__isnull=False) | Q(pull_request__is_hotfix=True)
    wanted = links.filter(mending | Q(pull_request__in=reverted.values("reverts")))
    places = {row.pk: place for place, row in enumerate(counted)}
    merged: dict[int, PullRequest] = {}
    bringer: dict[str, int] = {}
    keys: dict[int, int] = {}
    for link in wanted.select_related("pull_request__reverts").order_by("pk"):
        row, place = link.pull_request, places.get(link.deployment_id)
        if place is None:
            continue
        merged[row.number] = PullRequest(
            row.number,
            row.merge_commit_sha,
            row.opened_at,
            row.is_revert,
            row.is_hotfix,
            row.reverts.number if row.reverts else None,
        )
        bringer[row.merge_commit_sha] = place
        keys[row.number] = row.pk
    return list(merged.values()), bringer, keys


def _columns(
    row: Deployment,
    failure: Failure | None,
    by_id: dict[str, Deployment],
    keys: dict[int, int],
) -> dict[str, Any]:
    mending = by_id[failure.mended_by] if failure else None
    cause = failure.cause if failure else ""
    evidence = keys.get(failure.evidence or 0) if failure else None
    return {
        "found_cause": cause,
        "mended_by_id": mending.pk if mending else None,
        "evidence_id": evidence,
        **_holding(row, cause, mending.deployed_at if mending else None),
    }


def _holding(row: Deployment, cause: str, mended_at: datetime | None) -> dict[str, Any]:
    """What holds: a person's word, else the evidence."""
    is_failed = row.is_judged and (bool(cause) if row.marked_failed is None else row.marked_failed)
    recovered_at = mended_at if is_failed and cause else None
    took = None
    if recovered_at and row.deployed_at:
        took = int((recovered_at - row.deployed_at).total_seconds())
    return {
        "is_failed": is_failed,
        "failed_by": (cause or Deployment.Cause.PERSON.value) if is_failed else "",
        "recovered_at": recovered_at,
        "recovery_time": took,
    }


def _set_changed(row: Deployment, columns: dict[str, Any]) -> bool:
    """Whether anything is not as it is stored."""
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, columns[name])
    return bool(changed)


@transaction.atomic
def _save(application: Application, rows: Sequence[Deployment]) -> None:
    freshness.changed(application.repository_id)
    names = [name.removesuffix("_id") for name in _STORED]
    update(Deployment, names, {r.pk: [getattr(r, name) for name in _STORED] for r in rows})
