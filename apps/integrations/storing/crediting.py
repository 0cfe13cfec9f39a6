"""When a pull request reached production, and by which deployment.

`deployed_at` is the earliest over the applications that count. A pull request is identified by its
merge commit, never by its own commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery

from apps.chunks import chunks
from apps.integrations.storing import recount_requests
from apps.integrations.storing.updating import update
from apps.metrics.models import (
    BranchCommit,
    BroughtCommit,
    DeployedPullRequest,
    Deployment,
    Production,
    PullRequest,
    Repository,
    Source,
)

COLUMNS = ("deployed_at", "deploy_time", "lead_time", "deployment_id", "was_live_before")
"""Columns of a pull request that `ingest` does not write."""

# The order of deployments, backwards; never that of keys, which depends on what was read first.
_LATEST_FIRST = ("-deployment__deployed_at", "-deployment__requested_at", "-deployment__node_id")
_READ = ("pk", "merged_at", "cycle_time", *COLUMNS)


def link(repository: Repository, brought: Mapping[str, int]) -> None:
    """Links deployments to the pull requests merged by the commits that they added."""
    keys: list[int] = []
    for some in chunks(list(brought)):
        rows = PullRequest.objects.filter(
            team_id=repository.team_id,
            repository=repository,
            merge_commit_sha__in=some,
            state=PullRequest.State.MERGED,
        )
        found = list(rows.values_list("pk", "merge_commit_sha"))
        DeployedPullRequest.objects.bulk_create(
            [
                DeployedPullRequest(deployment_id=brought[sha], pull_request_id=pk)
                for pk, sha in found
            ],
            ignore_conflicts=True,
        )
        keys += [pk for pk, _ in found]
    credit(repository, keys)


def credit(repository: Repository, keys: Sequence[int]) -> None:
    """Updates when pull requests reached production, where that has changed."""
    for some in chunks(sorted(set(keys))):
        first = _first(some)
        rows = PullRequest.objects.filter(pk__in=some).select_for_update(no_key=True)
        changed: dict[int, list[Any]] = {}
        for key, merged_at, cycle_time, *stored_as in rows.order_by("pk").values_list(*_READ):
            columns = _columns(merged_at, cycle_time, stored_as[-1], first.get(key))
            if list(columns.values()) != stored_as:
                changed[key] = list(columns.values())
        _save(repository, changed)


def stored(repository: Repository, keys: Sequence[int]) -> None:
    """Links pull requests that were stored after the deployments that added them."""
    production = Production.objects.filter(repository=repository).exclude(source="").first()
    if production is None:
        return
    merged = PullRequest.objects.filter(pk__in=keys, state=PullRequest.State.MERGED)
    # A pull request and one stacked on it may be merged by the same commit.
    by_sha: dict[str, list[int]] = {}
    for pk, sha in merged.order_by("pk").values_list("pk", "merge_commit_sha"):
        if sha:
            by_sha.setdefault(sha, []).append(pk)
    known = [pk for some in by_sha.values() for pk in some]
    for some in chunks(list(by_sha)):
        rows = BroughtCommit.objects.filter(
            application__repository=repository,
            commit__repository=repository,
            commit__sha__in=some,
            deployment__isnull=False,
        )
        DeployedPullRequest.objects.bulk_create(
            [
                DeployedPullRequest(deployment_id=deployment, pull_request_id=pk)
                for sha, deployment in rows.values_list("commit__sha", "deployment")
                for pk in by_sha[sha]
            ],
            ignore_conflicts=True,
        )
    credit(repository, known)
    _note_before(repository, Q(pk__in=known))
    if production.source == Source.MERGE:
        recount_requests.ask(Production.objects.filter(pk=production.pk))
    mattering = merged.filter(_matters()).values_list("pk", flat=True)
    recount_requests.judge_bringers_anew(repository.pk, mattering)


def _matters() -> Q:
    """Pull requests that do or did decide whether a deployment failed."""
    reverted = PullRequest.objects.filter(reverts=OuterRef("pk"))
    blamed = Deployment.objects.filter(evidence=OuterRef("pk"))
    return Q(is_hotfix=True) | Q(is_revert=True) | Q(Exists(reverted)) | Q(Exists(blamed))


def nothing_before(repository: Repository) -> None:
    """Reverts what was derived from the first known deployment."""
    rows = PullRequest.objects.filter(repository=repository, was_live_before=True)
    rows.update(was_live_before=False, stored_revision=_revision(repository))


def note_before(repository: Repository) -> None:
    """Marks what was in production before the first known deployment."""
    _note_before(repository, Q())


def _note_before(repository: Repository, which: Q) -> None:
    first = Deployment.objects.filter(
        application__repository=repository, application__is_current=True, is_first=True
    )
    latest = first.order_by("-deployed_at").values_list("deployed_at", flat=True).first()
    if latest is None:
        return
    commits = BranchCommit.objects.filter(repository=repository, sha=OuterRef("merge_commit_sha"))
    there = BroughtCommit.objects.filter(
        application__repository=repository,
        application__is_current=True,
        commit__repository=repository,
        commit__sha=OuterRef("merge_commit_sha"),
        deployment=None,
    )
    rows = PullRequest.objects.filter(
        # Everything below the part of the branch that was read was live.
        Exists(there) | ~Exists(commits),
        which,
        repository=repository,
        state=PullRequest.State.MERGED,
        merged_at__lte=latest,
        deployed_at=None,
        was_live_before=False,
    )
    rows.update(was_live_before=True, stored_revision=_revision(repository))


def _first(keys: Sequence[int]) -> dict[int, tuple[datetime, int]]:
    """By pull request: when and by what it was first deployed."""
    links = DeployedPullRequest.objects.filter(
        pull_request__in=keys, deployment__application__is_current=True
    )
    found: dict[int, tuple[datetime, int]] = {}
    columns = ("pull_request", "deployment__deployed_at", "deployment")
    for key, at, deployment in links.order_by(*_LATEST_FIRST).values_list(*columns):
        if at:
            found[key] = (at, deployment)
    return found


def deployment_columns(row: PullRequest) -> dict[str, Any]:
    """A pull request's columns from the stored deployments."""
    first = _first([row.pk]).get(row.pk)
    return _columns(row.merged_at, row.cycle_time, row.was_live_before, first)


def _columns(
    merged_at: datetime | None,
    cycle_time: int | None,
    was_live_before: bool,
    first: tuple[datetime, int] | None,
) -> dict[str, Any]:
    if first is None or merged_at is None:
        kept = was_live_before and merged_at is not None
        return dict.fromkeys(COLUMNS) | {"was_live_before": kept}
    at, deployment = first
    waited = max(int((at - merged_at).total_seconds()), 0)
    lead = None if cycle_time is None else cycle_time + waited
    return {
        "deployed_at": at,
        "deploy_time": waited,
        "lead_time": lead,
        "deployment_id": deployment,
        "was_live_before": False,
    }


def _save(repository: Repository, columns: Mapping[int, Sequence[Any]]) -> None:
    """Stores columns by key; within a transaction that has announced a new revision."""
    if not columns:
        return
    names = [name.removesuffix("_id") for name in (*COLUMNS, "stored_revision")]
    revision = Repository.objects.values_list("revision", flat=True).get(pk=repository.pk)
    update(PullRequest, names, {key: [*values, revision] for key, values in columns.items()})


def _revision(repository: Repository) -> Subquery:
    return Subquery(Repository.objects.filter(pk=repository.pk).values("revision")[:1])
