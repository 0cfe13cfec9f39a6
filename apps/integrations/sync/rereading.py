"""Fetches pull requests again that were stored before AI marks were read: newest first.

Descriptions, messages and addresses are not stored, so only GitHub has them. Rows without `marks`
are the remaining work: a killed worker loses nothing. A pull request that GitHub cannot return is
not requested again. The budget's reserve is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet, Subquery

from apps.integrations.access.conversation import with_github
from apps.integrations.github import limits, pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.pull_requests import Batch
from apps.integrations.models import IntegrationCredential, TrackedRepository
from apps.integrations.storing.texts import NOT_REPORTED
from apps.integrations.sync import batches, stale, walk
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.models import PullRequest, Repository

TURN = timedelta(seconds=10)


def unread(repository_id: int) -> QuerySet[PullRequest]:
    """A repository's pull requests that were never read for marks, newest first."""
    rows = PullRequest.objects.filter(repository=repository_id, marks__isnull=True)
    return rows.order_by("-opened_at", "-pk")


def mark(tracked: TrackedRepository) -> int:
    """Marks all of a repository's as stale, for a user at a terminal; returns how many."""
    rows = unread(tracked.repository_id).values_list("number", "node_id")
    return stale.mark(tracked, rows, datetime.now(UTC)) if rows.exists() else 0


def _wanted(now: datetime) -> QuerySet[TrackedRepository]:
    rows = PullRequest.objects.filter(repository=OuterRef("repository"), marks__isnull=True)
    newest = rows.order_by().values("repository").annotate(at=Max("opened_at")).values("at")
    found: QuerySet[TrackedRepository] = TrackedRepository.objects.filter(
        Exists(rows), is_active=True
    )
    # Only the person who typed the command has that token.
    found = found.exclude(integration__credential__kind=IntegrationCredential.Kind.ENVIRONMENT)
    return (
        found.select_related("team", "repository__team", "integration__credential")
        .annotate(newest=Subquery(newest[:1]))
        .order_by("-newest", "pk")
    )


def _for_a_while(tracked: TrackedRepository, now: datetime) -> None:
    # Live updates come first: this leaves the reserve alone.
    with with_github(tracked.integration.credential, is_live=lambda: False) as github:
        while (wanted := _next(tracked)) and datetime.now(UTC) < now + TURN:
            _read(github, tracked, wanted)
            leases.renew_held()


REREADING = Chore("marks of ai", _wanted, _for_a_while, credential="integration__credential")


def _next(tracked: TrackedRepository) -> list[PullRequest]:
    size = min(walk.REFRESH_AT_ONCE, 2 * tracked.page_size - 1)
    return list(unread(tracked.repository_id).only("pk", "number", "node_id")[:size])


def _read(github: GitHub, tracked: TrackedRepository, wanted: Sequence[PullRequest]) -> None:
    asked_at = datetime.now(UTC)
    try:
        batch = pull_requests.by_ids(github, [row.node_id for row in wanted])
    except GitHubError as error:
        if error.is_heavy and len(wanted) > 1:
            tracked.page_size = limits.smaller(tracked.page_size)
            tracked.save(update_fields=["page_size"])
        raise
    with transaction.atomic():
        _store(tracked, batch, wanted, asked_at)
        TrackedRepository.objects.filter(pk=tracked.pk).update(**walk.cost(github))
        github.usage.points = github.usage.requests = 0


def _store(
    tracked: TrackedRepository, batch: Batch, wanted: Sequence[PullRequest], asked_at: datetime
) -> None:
    """Stores what no other worker has stored since the request; the rest is not requested again."""
    list(Repository.objects.select_for_update(no_key=True).filter(pk=tracked.repository_id))
    rows = PullRequest.objects.filter(repository=tracked.repository_id)
    newer = set(rows.filter(fetched_at__gt=asked_at).values_list("number", flat=True))
    batch.pull_requests = [each for each in batch.pull_requests if each.number not in newer]
    batches.store(tracked, batch, asked_at)
    asked = rows.filter(pk__in=[row.pk for row in wanted], marks__isnull=True)
    asked.update(marks={NOT_REPORTED: True})
