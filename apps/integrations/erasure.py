"""Deletes what was fetched where somebody asked for it: in batches, in the background.

What is left to do is rows (`Erasure`), so that a killed worker loses nothing. A repository that is
tracked anew meanwhile is fetched from its beginning, and no longer deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Model, QuerySet

from apps.audit.record import record
from apps.integrations.models import Erasure, GitHubIntegration, TrackedRepository
from apps.metrics import freshness
from apps.metrics.models import Commit, Group, PullRequest, Repository, TeamMember
from apps.teams.changes import figures_changed
from apps.teams.models import Team

BATCH = 200


def of_integration(integration: GitHubIntegration) -> None:
    """Makes due what a connection has fetched: repositories with all in them, people, groups."""
    tracked = TrackedRepository.objects.filter(integration=integration)
    _make_due(Repository.objects.filter(tracking__in=tracked))
    # With its places in the lists: whoever tracks it again begins at the beginning.
    tracked.delete()
    Erasure.objects.get_or_create(team=integration.team, integration=integration)


def _make_due(repositories: QuerySet[Repository]) -> None:
    Erasure.objects.bulk_create(
        [Erasure(team_id=row.team_id, repository=row) for row in repositories],
        ignore_conflicts=True,
    )


def run_due(ends: datetime) -> None:
    """Deletes what is due, until it is done or `ends` has come."""
    for pk in Erasure.objects.order_by("pk").values_list("pk", flat=True):
        while datetime.now(UTC) < ends and _batch(pk):
            pass


@transaction.atomic
def _batch(pk: int) -> bool:
    """Deletes some of what one row asks for; whether there may be more."""
    row = Erasure.objects.filter(pk=pk).select_related("integration", "repository").first()
    if row is None:
        return False
    if row.integration:
        return _of_integration(row, row.integration)
    # Whoever begins to track it locks its row as well: then this sees it.
    repository = Repository.objects.select_for_update(no_key=True).filter(pk=row.repository_id)
    found = repository.first()
    if found is None or TrackedRepository.objects.filter(repository=found).exists():
        row.delete()
        return False
    return _of_repository(found)


def _of_repository(repository: Repository) -> bool:
    for rows in (
        PullRequest.objects.filter(repository=repository),
        Commit.objects.filter(repository=repository),
    ):
        if _some(rows):
            freshness.changed(repository)
            return True
    record("data.deleted", team_id=repository.team_id, object_name=repository.full_name)
    repository.delete()  # and the row that asked for it
    return False


def _of_integration(row: Erasure, integration: GitHubIntegration) -> bool:
    """Its people, once its repositories are gone; nothing where it was connected again."""
    if integration.disconnected_at is None:
        row.delete()
        return False
    others = GitHubIntegration.members.through.objects.exclude(githubintegration=integration)
    people = TeamMember.objects.filter(integrations=integration).exclude(
        pk__in=others.values("teammember")
    )
    figures_changed(row.team_id)
    if _some(people):
        return True
    mine = {"team": row.team, "organization_id": integration.organization_id}
    Group.objects.filter(**mine).delete()
    record("data.deleted", team_id=row.team_id, object_name=integration.organization_slug)
    credential = integration.credential
    integration.delete()
    if not credential.integrations.exists():
        credential.delete()
    return False


def _some(rows: QuerySet[Model]) -> bool:
    """Deletes a batch; whether there was any."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
    return bool(keys)


def left_of(team: Team) -> int:
    """How many pull requests are still to be deleted, because somebody asked for it."""
    doomed = Erasure.objects.filter(team=team, repository__isnull=False).values("repository")
    return PullRequest.objects.filter(repository__in=doomed).count()
