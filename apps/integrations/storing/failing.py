"""Which deployments of an application failed; a person's correction takes precedence.

Derived from stored rows: what deployments added, reverts and hotfixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from apps.integrations.storing.updating import update
from apps.integrations.work import leases
from apps.metrics.calculations.deployments import (
    REVERTED_WITHIN,
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
# Columns read or written here; an application may have many deployments.
_READ = (
    *(name.removesuffix("_id") for name in _STORED),
    *("node_id", "requested_at", "deployed_at", "sequence", "took_out", "marked_failed"),
    *("is_unplaced", "is_first", "is_repeat", "is_rollback", "is_restore", "is_left_out", "place"),
)
# Columns of a link between deployment and pull request, then of the pull request itself.
_OF_LINKS = (
    *("deployment", "pull_request"),
    *(
        f"pull_request__{name}"
        for name in ("number", "merge_commit_sha", "opened_at", "is_revert", "is_hotfix")
    ),
    "pull_request__reverts__number",
)


def refresh(application: Application) -> bool:
    """Recalculates which of its deployments failed, if requested; returns whether any changed."""
    rows = Application.objects.filter(pk=application.pk)
    since, requests = rows.values_list("failures_from", "failure_requests").get()
    if since is None:
        return False
    changed = [*_far_back(application, since), *_near(application, since - REVERTED_WITHIN)]
    if changed:
        _save(application, changed)
    rows.filter(failure_requests=requests).update(failures_from=None)
    return bool(changed)


def _near(application: Application, start: datetime) -> list[Deployment]:
    """Deployments live since `start` that change: everything that mended them is stored."""
    rows = list(
        Deployment.objects.filter(
            Q(sequence__isnull=False) | ~Q(found_cause="") | ~Q(failed_by=""),
            application=application,
            deployed_at__gte=start,
        )
        .order_by("sequence", "deployed_at", "requested_at", "node_id")
        .only(*_READ)
    )
    counted = [row for row in rows if row.sequence is not None]
    merged, bringer, keys = _pull_requests(application, counted, start)
    places = {row.pk: place for place, row in enumerate(counted)}
    back = [
        (place, places[row.took_out_id])
        for place, row in enumerate(counted)
        if row.took_out_id in places
    ]
    history = History([_live(row) for row in counted], bringer, back)
    found = failures_of(history, merged)
    by_id = {row.node_id: row for row in counted}
    computed = [(row, _columns(row, found.get(row.node_id), by_id, keys)) for row in rows]
    return [row for row, columns in computed if _set_changed(row, columns)]


def _far_back(application: Application, since: datetime) -> list[Deployment]:
    """Older deployments that change: only a rollback can still mend them."""
    mine = Deployment.objects.filter(application=application)
    later = mine.filter(deployed_at__gte=since)
    blamed = later.filter(took_out__isnull=False).values("took_out")
    mended = Deployment.objects.filter(mended_by__in=later.values("pk")).values("pk")
    # A union, since databases read every row for an `or` of these.
    rows = mine.filter(pk__in=blamed.union(mended), deployed_at__lt=since - REVERTED_WITHIN)
    return [row for row in rows.only(*_READ) if _set_changed(row, _rolled_back(row, since))]


def _rolled_back(row: Deployment, since: datetime) -> dict[str, Any]:
    mended_by = row.mended_by
    if mended_by is None or mended_by.deployed_at is None or mended_by.deployed_at >= since:
        back = Deployment.objects.filter(took_out=row, sequence__isnull=False)
        mended_by = back.order_by("sequence").first()
        cause = Deployment.Cause.ROLLBACK.value if mended_by else ""
        evidence = None
    else:  # It was mended before, by whatever means.
        cause, evidence = row.found_cause, row.evidence_id
    return _outcome(row, cause, mended_by, evidence)


def follow(row: Deployment) -> None:
    """Applies a person's correction to a deployment; the caller stores it."""
    for name, value in _outcome(row, row.found_cause, row.mended_by, row.evidence_id).items():
        setattr(row, name, value)


def _live(row: Deployment) -> Live:
    return Live(row.node_id, row.requested_at, row.deployed_at or row.requested_at, row.is_judged)


def _pull_requests(
    application: Application, counted: Sequence[Deployment], start: datetime
) -> tuple[list[PullRequest], dict[str, int], dict[int, int]]:
    """Reverts, hotfixes and reverted pull requests; who added each; and keys by number."""
    links = DeployedPullRequest.objects.filter(
        deployment__application=application, deployment__deployed_at__gte=start
    )
    reverting = Row.objects.filter(
        reverts=OuterRef("pull_request"), repository=application.repository_id
    )
    mending = Q(pull_request__reverts__isnull=False) | Q(pull_request__is_hotfix=True)
    wanted = links.filter(mending | Exists(reverting))
    places = {row.pk: place for place, row in enumerate(counted)}
    merged: dict[int, PullRequest] = {}
    bringer: dict[str, int] = {}
    keys: dict[int, int] = {}
    for deployment, key, *values in wanted.order_by("pk").values_list(*_OF_LINKS):
        place, one = places.get(deployment), PullRequest(*values)
        if place is None:
            continue
        merged[one.number] = one
        bringer[one.merge_commit] = place
        keys[one.number] = key
    return list(merged.values()), bringer, keys


def _columns(
    row: Deployment,
    failure: Failure | None,
    by_id: dict[str, Deployment],
    keys: dict[int, int],
) -> dict[str, Any]:
    if failure is None:
        return _outcome(row, "", None, None)
    evidence = keys.get(failure.evidence or 0)
    return _outcome(row, failure.cause, by_id[failure.mended_by], evidence)


def _outcome(
    row: Deployment, cause: str, mended_by: Deployment | None, evidence: int | None
) -> dict[str, Any]:
    """The evidence, and what applies: a person's correction, else the evidence."""
    is_failed = row.is_judged and (bool(cause) if row.marked_failed is None else row.marked_failed)
    recovered_at = mended_by.deployed_at if is_failed and cause and mended_by else None
    took = None
    if recovered_at and row.deployed_at:
        took = int((recovered_at - row.deployed_at).total_seconds())
    return {
        "found_cause": cause,
        "mended_by_id": mended_by.pk if mended_by else None,
        "evidence_id": evidence,
        "is_failed": is_failed,
        "failed_by": (cause or Deployment.Cause.PERSON.value) if is_failed else "",
        "recovered_at": recovered_at,
        "recovery_time": took,
    }


def _set_changed(row: Deployment, columns: dict[str, Any]) -> bool:
    """Whether any column differs from what is stored."""
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, columns[name])
    return bool(changed)


@transaction.atomic
def _save(application: Application, rows: Sequence[Deployment]) -> None:
    leases.renew_held()
    freshness.changed(application.repository_id)
    names = [name.removesuffix("_id") for name in _STORED]
    update(Deployment, names, {r.pk: [getattr(r, name) for name in _STORED] for r in rows})
