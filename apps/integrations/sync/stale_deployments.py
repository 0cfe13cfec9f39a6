"""Fetches deployments by their ids: those that webhooks report, and those that may still succeed.

One query asks for a hundred, from all repositories of a connection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits, production
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import TooHeavyError, UnavailableError
from apps.integrations.github.production_records import NotGrantedError, ReportedDeployment
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    ProductionWalk,
    StaleDeployment,
    TrackedRepository,
)
from apps.integrations.storing import deliveries
from apps.integrations.sync import production_look
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.calculations.deployments import is_production
from apps.metrics.models import Deployment, Production, Source

TURN = timedelta(seconds=10)
NOT_THERE_YET = timedelta(minutes=1)
"""A webhook can arrive before GitHub's API knows the deployment."""
NEVER_THERE = timedelta(minutes=10)
LATER = timedelta(hours=1)


def mark(
    reported: Mapping[TrackedRepository, Mapping[str, Collection[str]]], now: datetime
) -> None:
    """Has production deployments fetched again; an existing mark is renewed.

    `reported` has the environments by repository and id: a status may name another one than its
    deployment. Without any, it may be a production deployment.
    """
    repositories = [tracked.repository_id for tracked in reported]
    chosen = Production.objects.filter(repository__in=repositories, is_chosen=True)
    elsewhere = set(chosen.exclude(source=Source.DEPLOYMENT).values_list("repository", flat=True))
    rows = Deployment.objects.filter(
        application__repository__in=repositories,
        node_id__in={node_id for some in reported.values() for node_id in some},
    )
    known = set(rows.values_list("application__repository", "node_id"))
    marks = [
        StaleDeployment(
            team_id=tracked.team_id, tracked=tracked, node_id=node_id, marked_at=now, due_at=now
        )
        for tracked, some in reported.items()
        if tracked.repository_id not in elsewhere
        for node_id, names in sorted(some.items())
        if (tracked.repository_id, node_id) in known or _is_production(tracked, names)
    ]
    StaleDeployment.objects.bulk_create(
        marks,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["tracked", "node_id"],
        update_fields=["marked_at", "due_at"],
    )


def _is_production(tracked: TrackedRepository, environments: Collection[str]) -> bool:
    patterns = tracked.repository.team.production_environments
    return not environments or any(is_production(name, patterns) for name in environments)


def read(tracked: TrackedRepository) -> None:
    """Fetches those of one repository, for a user who waits. Raises GitHubError."""
    _read(TrackedRepository.objects.filter(pk=tracked.pk), tracked.integration, None)


def _wanted(now: datetime) -> QuerySet[GitHubIntegration]:
    tracked = TrackedRepository.objects.filter(integration=OuterRef("pk"), is_active=True)
    rows: QuerySet[GitHubIntegration] = GitHubIntegration.objects.filter(
        Exists(tracked.filter(stale_deployments__due_at__lte=now))
        | Exists(tracked.filter(repository__applications__deployments__look_again_at__lte=now)),
        disconnected_at__isnull=True,
    ).exclude(credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return rows.select_related("credential")


def _read_some(integration: GitHubIntegration, now: datetime) -> None:
    tracked = TrackedRepository.objects.filter(integration=integration, is_active=True)
    _read(tracked, integration, now + TURN)


STALE = Chore("deployments by id", _wanted, _read_some, credential="credential")


@dataclass
class _Wanted:
    """What to fetch of a repository: marks and stored rows (their keys), by node id."""

    marks: dict[str, StaleDeployment] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        return self.marks.keys() | self.rows.keys()


def _read(
    tracked: QuerySet[TrackedRepository], integration: GitHubIntegration, ends: datetime | None
) -> None:
    at_once = production.AT_ONCE
    with with_github(integration.credential) as github:
        while wanted := _next(tracked, at_once, datetime.now(UTC)):
            ids = sorted({key for one in wanted.values() for key in one.ids})
            try:
                _fetch(github, tracked, wanted, ids)
            except NotGrantedError:
                _put_off(wanted)  # The regular check notes it, and when it is granted.
            except (TooHeavyError, UnavailableError) as error:
                if len(ids) == 1:
                    _put_off(wanted)  # It spoils no other.
                if not error.is_heavy or len(ids) == 1:
                    raise
                at_once = limits.smaller(len(ids))
            if ends and datetime.now(UTC) >= ends:
                return


def _next(tracked: QuerySet[TrackedRepository], at_once: int, now: datetime) -> dict[int, _Wanted]:
    """By tracked repository: first what webhooks reported, the oldest mark first."""
    found: dict[int, _Wanted] = {}
    marks = StaleDeployment.objects.filter(tracked__in=tracked, due_at__lte=now)
    for mark in marks.order_by("due_at", "pk")[:at_once]:
        found.setdefault(mark.tracked_id, _Wanted()).marks[mark.node_id] = mark
    left = at_once - sum(len(one.marks) for one in found.values())
    rows = Deployment.objects.filter(
        application__repository__tracking__in=tracked, look_again_at__lte=now
    )
    columns = ("application__repository__tracking", "node_id", "pk")
    for key, node_id, pk in rows.order_by("look_again_at").values_list(*columns)[:left]:
        found.setdefault(key, _Wanted()).rows[node_id] = pk
    return found


def _fetch(
    github: GitHub,
    tracked: QuerySet[TrackedRepository],
    wanted: dict[int, _Wanted],
    ids: Sequence[str],
) -> None:
    asked_at = datetime.now(UTC)
    reported = production.deployments_by_id(github, ids)
    rows = tracked.filter(pk__in=wanted).select_related("repository__team").order_by("pk")
    for row in rows:
        mine = wanted[row.pk]
        _store(
            row, mine, {key: reported[key] for key in sorted(mine.ids & reported.keys())}, asked_at
        )


@transaction.atomic
def _store(
    tracked: TrackedRepository,
    wanted: _Wanted,
    reported: Mapping[str, ReportedDeployment],
    asked_at: datetime,
) -> None:
    """Stores what GitHub returned, by the ids that were asked for."""
    leases.renew_held()
    succeeded = {key for key, one in reported.items() if one.deployed_at}
    if succeeded:  # The walk finds its place on the branch.
        walks = ProductionWalk.objects.filter(tracked=tracked)
        walks.update(due_at=datetime.now(UTC))
    if succeeded - wanted.marks.keys():  # No webhook reports what it made inactive.
        production_look.deployments_changed(tracked)
    found = list({one.id: one for one in reported.values()}.values())
    newer = deliveries.deployments(deliveries.production(tracked.repository), found, asked_at)
    missing = wanted.ids - reported.keys()
    deliveries.ask_again(tracked.repository, missing, asked_at)
    done = [
        mark
        for key, mark in wanted.marks.items()
        if key not in reported or reported[key].id not in newer
    ]
    _settle(done, missing, asked_at)


def _settle(marks: Sequence[StaleDeployment], missing: set[str], asked_at: datetime) -> None:
    """Deletes the marks of what was fetched; one that was renewed meanwhile stays."""
    rows = StaleDeployment.objects.filter(pk__in=[mark.pk for mark in marks])
    ordered = rows.select_for_update().order_by("pk")
    now = dict(ordered.values_list("pk", "marked_at"))
    same = [mark for mark in marks if now.get(mark.pk) == mark.marked_at]
    may_come = {
        mark.pk
        for mark in same
        if mark.node_id in missing and mark.marked_at > asked_at - NEVER_THERE
    }
    rows.filter(pk__in=may_come).update(due_at=asked_at + NOT_THERE_YET)
    rows.filter(pk__in={mark.pk for mark in same} - may_come).delete()


def _put_off(wanted: dict[int, _Wanted]) -> None:
    """Postpones what GitHub does not report now."""
    later = datetime.now(UTC) + LATER
    for one in wanted.values():
        rows = Deployment.objects.filter(pk__in=one.rows.values())
        rows.filter(look_again_at__isnull=False).update(look_again_at=later)
        keys = [mark.pk for mark in one.marks.values()]
        StaleDeployment.objects.filter(pk__in=keys).update(due_at=later)
