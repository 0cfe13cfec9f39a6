"""Spot checks of deployments: randomly chosen, fetched again by id, compared and repaired.

Releases, runs and merges cannot be fetched by id: their rows follow from lists that are read in
full, and from pull requests.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.chunks import chunks
from apps.integrations.access.conversation import with_github
from apps.integrations.checks.outcomes import Difference, Outcome
from apps.integrations.github import production
from apps.integrations.github.production_records import NotGrantedError, ReportedDeployment
from apps.integrations.models import TrackedRepository
from apps.integrations.storing import deliveries
from apps.integrations.storing.texts import tidy
from apps.metrics.models import Deployment, Source
from apps.teams.models import Team

_MAY_CHANGE = frozenset({"state"})
"""A deployment becomes inactive by a later one or by hand, and no list reports that."""


def check(
    sample: int, chance: random.Random, team: Team | None, outcome: Outcome, *, is_live: bool
) -> None:
    """Compares up to `sample` stored deployments with GitHub. Raises GitHubError."""
    for tracked, ids in _drawn(sample, chance, team):
        with with_github(tracked.integration.credential, is_live=lambda: is_live) as github:
            for some in chunks(ids, production.AT_ONCE):
                asked_at = datetime.now(UTC)
                try:
                    reported = production.deployments_by_id(github, some)
                except NotGrantedError:
                    outcome.fields_missing.append(f"{tracked.full_name} deployments")
                    break
                outcome.gone += len(some) - len(reported)
                _compare(tracked, list(reported.values()), asked_at, outcome)


def _drawn(
    sample: int, chance: random.Random, team: Team | None
) -> Iterator[tuple[TrackedRepository, Sequence[str]]]:
    rows = Deployment.objects.filter(
        application__source=Source.DEPLOYMENT,
        application__is_current=True,
        application__repository__tracking__is_active=True,
    )
    if team:
        rows = rows.filter(team=team)
    keys = list(rows.values_list("pk", flat=True))
    chosen = rows.filter(pk__in=chance.sample(keys, min(sample, len(keys))))
    by_repository: dict[int, list[str]] = defaultdict(list)
    for repository, node_id in chosen.values_list("application__repository", "node_id"):
        by_repository[repository].append(node_id)
    for tracked in TrackedRepository.objects.filter(repository__in=by_repository).select_related(
        "repository__team", "integration__credential"
    ):
        yield tracked, by_repository[tracked.repository_id]


def _compare(
    tracked: TrackedRepository,
    reported: Sequence[ReportedDeployment],
    asked_at: datetime,
    outcome: Outcome,
) -> None:
    rows = Deployment.objects.filter(
        application__repository=tracked.repository, node_id__in=[one.id for one in reported]
    )
    stored = {row.node_id: row for row in rows.select_related("application")}
    wrong: list[ReportedDeployment] = []
    for one in reported:
        row = stored.get(one.id)
        if row is None or row.modified_at > asked_at:
            continue  # It was stored again during the request.
        outcome.deployments += 1
        here, there = _stored(row), _reported(one)
        outcome.fields += len(here)
        different = [name for name in here if here[name] != there[name]]
        name = f"{tracked.full_name} {row.application.environment} {row.sha[:7]}"
        outcome.differences += [
            Difference(name, each, here[each], there[each], each in _MAY_CHANGE)
            for each in different
        ]
        wrong += [one] * bool(different)
    if wrong:
        with transaction.atomic():
            deliveries.deployments(deliveries.production(tracked.repository), wrong, asked_at)


def _stored(row: Deployment) -> Mapping[str, Any]:
    return {
        "sha": row.sha,
        "environment": row.application.environment,
        "state": row.state,
        "created_at": row.requested_at,
        "deployed_at": row.deployed_at,
    }


def _reported(one: ReportedDeployment) -> Mapping[str, Any]:
    return {
        "sha": one.sha,
        "environment": tidy(one.environment)[:255],
        "state": tidy(one.state)[:20],
        "created_at": one.requested_at,
        "deployed_at": one.deployed_at,
    }
