"""The rows of the production figures: deployments as columns, pull requests as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import numpy as np
from django.db.models import F, QuerySet

from apps.chunks import chunks
from apps.metrics.calculations.pull_requests import Exclusions, is_excluded
from apps.metrics.figures import masks
from apps.metrics.figures.arrays import Array, code
from apps.metrics.figures.columns import NONE
from apps.metrics.figures.current import once
from apps.metrics.figures.rows import Rows
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import DeployedPullRequest, Deployment, Repository
from apps.teams.models import Team

Table = Mapping[str, Array]
CAUSES = tuple(Deployment.Cause.values)


class Columns(Protocol):
    """Anything with columns by name."""

    def __getitem__(self, name: str) -> Array: ...


def listed(team: Team, filters: Filters) -> QuerySet[Deployment]:
    """All deployments of the applications that count, whatever their outcome, newest first.

    Not limited to the period. Each comes with its application and repository.
    """
    rows = Deployment.objects.for_team(team).filter(
        application__is_current=True,
        application__repository__in=repositories(team, filters),
        is_left_out=False,
    )
    rows = rows.select_related("application__repository", "mended_by", "evidence")
    return rows.order_by(F("deployed_at").desc(nulls_last=True), "-requested_at", "-pk")


def repositories(team: Team, filters: Filters) -> list[int]:
    """The keys of repositories that are neither excluded nor filtered out."""
    rows = Repository.objects.for_team(team)
    if filters.repository is not None:
        rows = rows.filter(pk=filters.repository)
    if filters.repositories:
        rows = rows.filter(full_name__in=filters.repositories)
    left_out = Exclusions(team.excluded_repositories, ())
    return [
        key
        for key, name in rows.values_list("pk", "full_name")
        if not is_excluded(name.partition("@")[0], "", left_out)
    ]


def is_on_default_branch(team: Team) -> Callable[[Columns], Array]:
    """A test for pull requests: whether they go into their repository's default branch."""
    branches = {
        key: code(branch)
        for key, branch in Repository.objects.for_team(team).values_list("pk", "default_branch")
    }

    def test(rows: Columns) -> Array:
        wanted = [branches.get(key, NONE) for key in rows["repository_id"].tolist()]
        return np.asarray(rows["base_branch"] == np.array(wanted, np.int64))

    return test


def deployed(team: Team, filters: Filters, period: Period) -> Rows:
    """Pull requests deployed in the period."""
    rows = masks.pull_requests(team, filters).where("state", masks.MERGED)
    return rows.between("deployed_at", *masks.ends(period))


def applications_of(rows: Rows) -> Array:
    """For each pull request, the application that deployed it first."""
    keys = rows["id"].tolist()
    found: dict[int, int] = {}
    for some in chunks(keys):
        links = DeployedPullRequest.objects.filter(
            pull_request__in=some, pull_request__deployment=F("deployment")
        )
        found |= dict(links.values_list("pull_request", "deployment__application"))
    return np.array([found.get(key, NONE) for key in keys], np.int64)


def deployments(team: Team, filters: Filters, period: Period) -> Table:
    """The period's deployments with a place in the order; with a column of what is counted.

    Read once for all figures of a page: those of the filters' period and of the one before.
    """
    now = filters.period
    both = Period(now.previous.first, now.last, now.zone)
    is_within = both.first <= period.first and period.last <= both.last
    span = both if is_within else period
    which = (team.pk, filters.repository, tuple(filters.repositories), span)
    table = once(("deployments", *which), lambda: _deployments(team, filters, span))
    start, end = masks.ends(period)
    inside = (table["deployed_at"] >= start) & (table["deployed_at"] < end)
    return {name: values[inside] for name, values in table.items()}


def _deployments(team: Team, filters: Filters, period: Period) -> Table:
    rows = listed(team, filters).filter(
        deployed_at__gte=period.start, deployed_at__lt=period.end, sequence__isnull=False
    )
    names = (
        *("pk", "application", "deployed_at", "is_unplaced"),
        *("is_repeat", "is_rollback", "is_restore", "is_failed", "failed_by", "recovery_time"),
    )
    found = list(rows.order_by().values_list(*names))
    columns = list(zip(*found, strict=True)) or [()] * len(names)
    values = dict(zip(names, columns, strict=True))
    flags = {name: np.array(values[name], bool) for name in names if name.startswith("is_")}
    again = flags["is_repeat"] | flags["is_rollback"] | flags["is_restore"]
    keys = np.array(values["pk"], np.int64)
    return {
        **flags,
        "key": keys,
        "is_counted": ~again,
        "is_judged": ~again & ~flags["is_unplaced"],
        "application": np.array(values["application"], np.int64),
        "deployed_at": np.array([int(at.timestamp()) for at in values["deployed_at"]], np.int64),
        "day": np.array([_day(at, period) for at in values["deployed_at"]], np.int64),
        "cause": np.array([_cause(each) for each in values["failed_by"]], np.int64),
        "recovery_time": np.array([_null(each) for each in values["recovery_time"]], np.int64),
        **_brought(keys),
    }


def _day(at: datetime, period: Period) -> int:
    return at.astimezone(period.zone).date().toordinal()


def _cause(name: str) -> int:
    return CAUSES.index(name) if name else -1


def _null(value: int | None) -> int:
    return NONE if value is None else value


def _brought(keys: Array) -> Table:
    """For each deployment, whether it brought pull requests, and whether only rework."""
    brings: set[int] = set()
    goes_on: set[int] = set()
    wanted = keys.tolist()
    for some in chunks(wanted):
        links = DeployedPullRequest.objects.filter(deployment__in=some)
        for key, is_revert, is_hotfix in links.values_list(
            "deployment", "pull_request__is_revert", "pull_request__is_hotfix"
        ):
            brings.add(key)
            if not (is_revert or is_hotfix):
                goes_on.add(key)
    return {
        "brings": np.array([key in brings for key in wanted], bool),
        "is_rework": np.array([key in brings and key not in goes_on for key in wanted], bool),
    }
