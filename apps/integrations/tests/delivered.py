"""The effects of deployments, by plain sets of commits from the simulator's data.

Nothing here goes step by step: what a deployment brings is what it contains of the default branch,
without what any earlier one contained.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.metrics.models import Deployment as Row
from apps.metrics.models import PullRequest, Repository
from github_simulator.git import git_of
from github_simulator.world import Deployment
from github_simulator.world import PullRequest as Pull
from github_simulator.world import Repository as There

Json = dict[str, Any]


@dataclass
class Delivery:
    """A successful deployment, and what follows from the sets."""

    id: str
    sha: str
    created_at: datetime
    at: datetime
    contains: frozenset[str]
    new: frozenset[str] = frozenset()
    kind: str = "counted"
    pulls: list[int] = field(default_factory=list)
    failed_by: tuple[str, datetime] | None = None

    @property
    def is_counted(self) -> bool:
        return self.kind == "counted"


def ancestors(there: There, sha: str) -> frozenset[str]:
    """A commit and all its ancestors."""
    known, seen, left = git_of(there).commits, {sha}, [sha]
    while left:
        for parent in known[left.pop()].parents:
            if parent not in seen:
                seen.add(parent)
                left.append(parent)
    return frozenset(seen)


def by_environment(there: There) -> dict[str, list[Delivery]]:
    """The deployments of each application, in order."""
    main = ancestors(there, git_of(there).heads[there.default_branch])
    found: dict[str, list[Delivery]] = {}
    for one in there.deployments.values():
        if ("prod" in one.environment or one.environment == "live") and (at := _succeeded(one)):
            contains = ancestors(there, one.oid) & main
            made = Delivery(one.node_id, one.oid, one.created_at, at, contains)
            found.setdefault(one.environment, []).append(made)
    for some in found.values():
        _follow(there, some, main)
    return found


def _succeeded(one: Deployment) -> datetime | None:
    return min((s.created_at for s in one.statuses if s.state == "SUCCESS"), default=None)


def _order(one: Delivery) -> tuple[datetime, datetime, str]:
    return one.at, one.created_at, one.id


def _follow(there: There, some: list[Delivery], main: frozenset[str]) -> None:
    some.sort(key=_order)
    known: frozenset[str] = frozenset()
    live: Delivery | None = None
    shas: set[str] = set()
    for one in some:
        if live is None:
            known, live = one.contains, one
        else:
            one.new = one.contains - known
            one.kind = _kind(one, live, main, shas)
            known, live = known | one.contains, one
        shas.add(one.sha)
        one.pulls = sorted(p.number for p in _merged(there) if p.merge_commit_oid in one.new)
    _fail(there, some)


def _kind(one: Delivery, live: Delivery, main: frozenset[str], shas: set[str]) -> str:
    if one.new:
        return "counted"
    if one.sha == live.sha:
        return "repeat"
    if one.contains < live.contains:
        return "rollback"
    return "restore" if one.sha in main or one.sha in shas else "counted"


def _merged(there: There) -> list[Pull]:
    return [each for each in there.pull_requests.values() if each.merged_at]


def _fail(there: There, some: list[Delivery]) -> None:
    bringer = {number: one for one in some for number in one.pulls}
    candidates: list[tuple[Delivery, str, datetime]] = []
    for place, one in enumerate(some):
        if one.kind == "rollback":
            live = next(some[n] for n in range(place - 1, -1, -1))
            out = live.contains - one.contains
            blamed = [each for each in some if each.new & out and each.at < one.created_at]
            candidates += [(each, "rollback", one.at) for each in blamed[:1]]
    for pull in _merged(there):
        reverted = _reverts(there, pull)
        mending = bringer.get(pull.number)
        if mending and reverted and not _is_revert(reverted):
            failed = bringer.get(reverted.number)
            if failed and some.index(mending) - some.index(failed) > 0:
                in_time = mending.at - failed.at <= timedelta(days=7)
                candidates += [(failed, "revert", mending.at)] * in_time
        if mending and _is_hotfix(pull) and not reverted:
            before = [each for each in some if each.is_counted and each.at < pull.created_at]
            if before and mending.at - before[-1].at <= timedelta(hours=48):
                candidates.append((before[-1], "hotfix", mending.at))
    order = ["rollback", "revert", "hotfix"]
    for failed, cause, at in sorted(candidates, key=lambda c: (c[2], order.index(c[1]))):
        failed.failed_by = failed.failed_by or (cause, at)


def _is_revert(pull: Pull) -> bool:
    return pull.title.startswith('Revert "')


def _reverts(there: There, pull: Pull) -> Pull | None:
    said = re.search(r"Reverts (?:[\w.-]+/[\w.-]+)?#(\d+)", pull.body)
    return there.pull_requests.get(int(said[1])) if said else None


def _is_hotfix(pull: Pull) -> bool:
    return pull.title.startswith("hotfix:") or "hotfix" in {label.name for label in pull.labels}


def differences(repository: Repository, there: There) -> list[str]:
    """A line for each unexpected field; empty if there is none."""
    wanted = by_environment(there)
    found = list(_of_deployments(repository, wanted))
    return found + list(_of_pull_requests(repository, there, wanted))


def _of_deployments(repository: Repository, wanted: dict[str, list[Delivery]]) -> Iterator[str]:
    theirs = {one.id: _theirs(name, one) for name, some in wanted.items() for one in some}
    rows = Row.objects.filter(
        application__repository=repository,
        application__is_current=True,
        deployed_at__isnull=False,
        is_left_out=False,
    )
    rows = rows.select_related("application").prefetch_related("pull_requests")
    mine = {row.node_id: _mine(row) for row in rows}
    yield from (f"{key} is missing" for key in sorted(theirs.keys() - mine.keys()))
    yield from (f"{key} should not be there" for key in sorted(mine.keys() - theirs.keys()))
    for key in sorted(mine.keys() & theirs.keys()):
        for name, value in theirs[key].items():
            if mine[key][name] != value:
                yield f"{key}.{name}: {mine[key][name]!r} instead of {value!r}"


def _mine(row: Row) -> Json:
    return {
        "environment": row.application.environment,
        "sha": row.sha,
        "created_at": row.requested_at.astimezone(UTC),
        "deployed_at": row.deployed_at and row.deployed_at.astimezone(UTC),
        "is_repeat": row.is_repeat,
        "is_rollback": row.is_rollback,
        "is_restore": row.is_restore,
        "is_counted": row.is_counted,
        "pull_requests": sorted(pull.number for pull in row.pull_requests.all()),
        "is_failed": row.is_failed,
        "failed_by": row.failed_by,
        "recovered_at": row.recovered_at,
    }


def _theirs(environment: str, one: Delivery) -> Json:
    failed = one.is_counted and one.failed_by
    return {
        "environment": environment,
        "sha": one.sha,
        "created_at": one.created_at,
        "deployed_at": one.at,
        **{f"is_{kind}": one.kind == kind for kind in ("repeat", "rollback", "restore", "counted")},
        "pull_requests": one.pulls,
        "is_failed": bool(failed),
        "failed_by": failed[0] if failed else "",
        "recovered_at": failed[1] if failed else None,
    }


def _of_pull_requests(
    repository: Repository, there: There, wanted: dict[str, list[Delivery]]
) -> Iterator[str]:
    first: dict[int, Delivery] = {}
    for one in sorted((o for some in wanted.values() for o in some), key=_order):
        for number in one.pulls:
            first.setdefault(number, one)
    for row in PullRequest.objects.filter(repository=repository).select_related("deployment"):
        one_ = first.get(row.number)
        columns = (row.deployed_at, row.deployment and row.deployment.node_id)
        due = (one_.at, one_.id) if one_ else (None, None)
        if columns != due:
            yield f"#{row.number} was deployed {columns} instead of {due}"
        if row.deployed_at and row.merged_at and row.cycle_time is not None:
            waited = max(int((row.deployed_at - row.merged_at).total_seconds()), 0)
            if (row.deploy_time, row.lead_time) != (waited, row.cycle_time + waited):
                yield f"#{row.number} waited {row.deploy_time}, {row.lead_time}"
