"""The five production figures, each with its denominator and what could not be placed.

Pull requests and deployments belong to the period in which they were deployed. Filters apply to
pull requests in full, to deployments only by repository: they have no author.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from apps.metrics.figures import counting, masks
from apps.metrics.figures.arrays import Array
from apps.metrics.figures.columns import NONE
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.production_rows import (
    CAUSES,
    Table,
    applications_of,
    deployed,
    deployments,
    is_on_default_branch,
    listed,
    repositories,
)
from apps.metrics.figures.queries import STAGES
from apps.metrics.figures.rows import Rows
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period, Span
from apps.metrics.models import Application, Deployment, Production
from apps.teams.models import Team

LEAD_STAGES = (*STAGES, "deploy_time")
"""The parts of the change lead time, in order."""
PROVISIONAL = timedelta(days=7)
"""For so long a deployment may still turn out to have failed."""


@dataclass(frozen=True)
class Share:
    """A part of a whole."""

    part: int
    total: int

    @property
    def value(self) -> float | None:
        """Between 0 and 1; None if the whole is empty."""
        return self.part / self.total if self.total else None


@dataclass(frozen=True)
class Unplaced:
    """What a period's figures leave out, and why."""

    not_deployed: int
    """Pull requests merged in the period, not deployed yet, whose repository deploys."""
    live_before: int
    """Merged in the period, and in production before the first known deployment."""
    other_branches: int
    """Merged in the period into another branch than the default one, and not deployed."""
    without_source: int
    """Merged in the period in repositories without a source of deployments."""
    deployments: int
    """Counted deployments of the period whose commit could not be placed."""
    failed_jobs: int
    """Deployments requested in the period that never succeeded."""


@dataclass(frozen=True)
class Delivery:
    """The five figures of a period; durations in seconds."""

    weeks: float
    applications: int
    """Applications with any counted deployment."""
    deployments: int
    """Counted: without repeats, rollbacks and restores."""
    repeats: int
    rollbacks: int
    restores: int
    days: Share
    """Days on which anything was deployed, of all days of the period."""
    pull_requests: int
    """Deployed in the period: those in the lead time, including those with an old commit."""
    lead_time: Spread
    """`left_out`: those with an old commit."""
    deploy_time: Spread
    mean_stages: Mapping[str, float]
    """The five stages of the average lead time: they add up to its mean. Empty without any."""
    failed: Share
    """Change fail rate: failed of counted, without those that could not be placed."""
    causes: Mapping[str, int]
    """The number of failures by `Deployment.Cause`."""
    recovery: Spread
    unmended: int
    """Of those marked as failed by people: not fixed yet."""
    rework: Share
    """Deployments of only reverts and hotfixes, among those with a pull request."""

    @property
    def per_week(self) -> float:
        """Deployment frequency: counted deployments of all applications a week."""
        return self.deployments / self.weeks

    @property
    def mean_lead_time(self) -> float | None:
        """The sum of the mean stages."""
        return sum(self.mean_stages.values()) if self.mean_stages else None


@dataclass(frozen=True)
class DeliveryPoint:
    """The figures of a week or month; None if nothing was deployed."""

    span: Span
    figures: Delivery | None


def figures(team: Team, filters: Filters) -> Delivery:
    """For the filters' period."""
    return _of_periods(team, filters, filters.period, [filters.period.start])[0]


def figures_and_before(team: Team, filters: Filters) -> tuple[Delivery, Delivery]:
    """For the filters' period and the one before it."""
    now = filters.period
    both = Period(now.previous.first, now.last, now.zone)
    before, after = _of_periods(team, filters, both, [now.previous.start, now.start])
    return after, before


def series(team: Team, filters: Filters) -> list[DeliveryPoint]:
    """Week by week, or month by month for a long period."""
    period = filters.period
    *begins, _ = period.boundaries()
    found = _of_periods(team, filters, period, begins)
    return [
        DeliveryPoint(span, each if each.deployments or each.pull_requests else None)
        for span, each in zip(period.spans(), found, strict=True)
    ]


def by_application(team: Team, filters: Filters) -> dict[Application, Delivery]:
    """Side by side, by repository and environment; a pull request counts for its first one."""
    table = deployments(team, filters, filters.period)
    rows = deployed(team, filters, filters.period)
    brought_by = applications_of(rows)
    known = applications(team, filters)
    keys = [each.pk for each in known]
    places = {key: place for place, key in enumerate(keys)}
    of_deployments = _placed(table["application"], places)
    of_rows = _placed(brought_by, places)
    days = [filters.period] * len(keys)
    found = _by_groups(_Groups(table, of_deployments, rows, of_rows, days))
    return dict(zip(known, found, strict=True))


def applications(team: Team, filters: Filters | None = None) -> list[Application]:
    """Those that count, by repository and environment, whether they deployed lately or not."""
    rows = Application.objects.for_team(team).filter(is_current=True).select_related("repository")
    rows = rows.filter(Exists(_succeeded(OuterRef("pk"))))
    if filters is not None:
        rows = rows.filter(repository__in=repositories(team, filters))
    return list(rows.order_by("repository__full_name", "environment", "pk"))


def unplaced(team: Team, filters: Filters) -> Unplaced:
    """What the figures of the filters' period leave out."""
    left = left_out(team, masks.merged(team, filters, filters.period))
    asked = listed(team, filters).filter(
        deployed_at=None,
        requested_at__gte=filters.period.start,
        requested_at__lt=filters.period.end,
    )
    table = deployments(team, filters, filters.period)
    return Unplaced(
        **{name: int(mask.sum()) for name, mask in left.items()},
        deployments=int((table["is_unplaced"] & table["is_counted"]).sum()),
        failed_jobs=asked.count(),
    )


def left_out(team: Team, rows: Rows) -> dict[str, Array]:
    """Which merged pull requests no production figure counts, by reason."""
    has_source = np.isin(rows["repository_id"], _with_source(team))
    is_open = has_source & (rows["deployed_at"] == NONE)
    was_before = is_open & (rows["was_live_before"] == 1)
    is_elsewhere = is_open & ~was_before & ~is_on_default_branch(team)(rows)
    return {
        "not_deployed": is_open & ~was_before & ~is_elsewhere,
        "live_before": was_before,
        "other_branches": is_elsewhere,
        "without_source": ~has_source,
    }


def _with_source(team: Team, **which: Any) -> Array:
    rows = Production.objects.for_team(team).filter(**which).exclude(source="")
    sources = rows.values_list("repository")
    return np.array([key for (key,) in sources], np.int64)


def waiting_to_deploy(team: Team, filters: Filters) -> Rows:
    """Merged and not deployed yet, at any time: if the repository's source was read completely."""
    rows = masks.pull_requests(team, filters).where("state", masks.MERGED)
    keys = _with_source(team, is_complete=True)
    rows = rows.keep(lambda part: np.isin(part["repository_id"], keys))
    rows = rows.where("deployed_at", NONE).where("was_live_before", 0)
    return rows.keep(is_on_default_branch(team)) if len(rows) else rows


def _succeeded(application: OuterRef) -> QuerySet[Deployment]:
    return Deployment.objects.filter(application=application, deployed_at__isnull=False)


def _of_periods(
    team: Team, filters: Filters, period: Period, begins: Sequence[datetime]
) -> list[Delivery]:
    """For consecutive parts of a period with these lower bounds."""
    table = deployments(team, filters, period)
    rows = deployed(team, filters, period)
    starts = [begin.timestamp() for begin in begins]
    ends = [*begins[1:], period.end]
    one = timedelta(days=1)
    parts = [
        Period(
            begin.astimezone(period.zone).date(),
            (end.astimezone(period.zone) - one).date(),
            period.zone,
        )
        for begin, end in zip(begins, ends, strict=True)
    ]
    places = counting.bins(table["deployed_at"], starts)
    return _by_groups(
        _Groups(table, places, rows, counting.bins(rows["deployed_at"], starts), parts)
    )


@dataclass(frozen=True)
class _Groups:
    """Deployments and pull requests, the group of each (-1: none), and their periods."""

    table: Table
    of_deployments: Array
    rows: Rows
    of_rows: Array
    periods: Sequence[Period]

    @property
    def number(self) -> int:
        return len(self.periods)

    def count(self, mask: Array) -> list[int]:
        """How many deployments of each group match."""
        groups = self.of_deployments
        return counting.counts(groups[mask & (groups >= 0)], self.number)


def _by_groups(groups: _Groups) -> list[Delivery]:
    table, rows = groups.table, groups.rows
    counted = table["is_counted"]
    judged = table["is_judged"]
    failed = judged & table["is_failed"]
    brings = counted & table["brings"]
    there = groups.of_rows >= 0
    young = there & (rows["has_old_commit"] == 0)
    of_young = groups.of_rows[young]
    lead = counting.spreads(rows["lead_time"][young], of_young, groups.number)
    deploy = counting.spreads(rows["deploy_time"][there], groups.of_rows[there], groups.number)
    totals = {
        name: counting.sums(rows[name][young], of_young, groups.number) for name in LEAD_STAGES
    }
    brought = counting.counts(groups.of_rows[there], groups.number)
    kept = counting.counts(of_young, groups.number)
    inside = failed & (groups.of_deployments >= 0)
    of_failed = groups.of_deployments[inside]
    recovery = counting.spreads(table["recovery_time"][inside], of_failed, groups.number)
    causes = counting.table(of_failed, groups.number, table["cause"][inside], len(CAUSES))
    is_open = failed & (table["cause"] == CAUSES.index(Deployment.Cause.PERSON))
    counts = {
        "deployments": groups.count(counted),
        "repeats": groups.count(table["is_repeat"]),
        "rollbacks": groups.count(table["is_rollback"]),
        "restores": groups.count(table["is_restore"]),
        "unmended": groups.count(is_open & (table["recovery_time"] == NONE)),
    }
    failures, judgements = groups.count(failed), groups.count(judged)
    bringing = groups.count(brings)
    reworks = groups.count(brings & table["is_rework"])
    days, active = _distinct(groups, "day"), _distinct(groups, "application")
    return [
        Delivery(
            weeks=period.weeks,
            applications=active[n],
            days=Share(days[n], period.days),
            pull_requests=brought[n],
            lead_time=Spread(
                lead[n].count, lead[n].median, lead[n].p75, lead[n].p90, brought[n] - kept[n]
            ),
            deploy_time=deploy[n],
            mean_stages={name: total[n] / kept[n] for name, total in totals.items()}
            if kept[n]
            else {},
            failed=Share(failures[n], judgements[n]),
            causes=dict(zip(CAUSES, causes[n], strict=True)),
            recovery=recovery[n],
            rework=Share(reworks[n], bringing[n]),
            **{name: each[n] for name, each in counts.items()},
        )
        for n, period in enumerate(groups.periods)
    ]


def _distinct(groups: _Groups, column: str) -> list[int]:
    """How many distinct days or applications each group's counted deployments have."""
    inside = groups.table["is_counted"] & (groups.of_deployments >= 0)
    values, of_values = groups.table[column][inside], groups.of_deployments[inside]
    return counting.distinct(values, of_values, groups.number)


def _placed(values: Array, places: Mapping[int, int]) -> Array:
    return np.array([places.get(each, -1) for each in values.tolist()], np.int64)
