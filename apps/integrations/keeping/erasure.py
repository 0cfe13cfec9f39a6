"""Deletes fetched data at a user's request: in batches, in the background.

The remaining work is rows (`Erasure`), so a killed worker loses nothing. A repository that is
tracked again meanwhile is fetched from the start, and no longer deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.audit import history
from apps.audit.models import AuditEvent
from apps.audit.record import record
from apps.integrations.keeping import traces
from apps.integrations.models import (
    Erasure,
    GitHubIntegration,
    SpotCheck,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.people import commit_identities, same_people
from apps.integrations.people.roles import LINKED
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.figures import freshness
from apps.metrics.models import (
    BranchCommit,
    BroughtCommit,
    Commit,
    Deployment,
    Group,
    PullRequest,
    PullRequestCommit,
    Repository,
    TeamMember,
)
from apps.teams.changes import figures_changed, lock_team
from apps.teams.models import BaseTeamModel, Team

BATCH = 200
TURN = timedelta(seconds=5)


def of_integration(integration: GitHubIntegration) -> None:
    """Schedules deletion of a connection's data: repositories, people and groups."""
    tracked = TrackedRepository.objects.filter(integration=integration)
    _make_due(Repository.objects.filter(tracking__in=tracked))
    # Including its positions in lists: a team that tracks it again starts from the beginning.
    tracked.delete()
    Erasure.objects.get_or_create(team=integration.team, integration=integration)


@transaction.atomic
def _make_due(repositories: QuerySet[Repository]) -> None:
    Erasure.objects.bulk_create(
        [Erasure(team_id=row.team_id, repository=row) for row in repositories],
        ignore_conflicts=True,
    )
    freshness.leave(repositories)


def of_team(team: Team) -> None:
    """Schedules deletion of all data of a team; the team itself is deleted last."""
    _make_due(Repository.objects.for_team(team))
    TrackedRepository.objects.for_team(team).delete()
    left = PullRequest.objects.for_team(team).count()
    Team.objects.filter(pk=team.pk).update(deleting_since=timezone.now(), deletion_left=left)


def _due(now: datetime) -> QuerySet[Erasure]:
    """What is due for deletion; a connection's people only after its team's repositories."""
    is_ready = Q(integration=None) | ~Exists(_repositories_left())
    return Erasure.objects.filter(is_ready).order_by("pk")


def _teams_due(now: datetime) -> QuerySet[Team]:
    return Team.objects.filter(~Exists(_repositories_left("pk")), deleting_since__isnull=False)


def _repositories_left(team: str = "team") -> QuerySet[Erasure]:
    return Erasure.objects.filter(team=OuterRef(team), repository__isnull=False)


def _for_a_while(row: Erasure, now: datetime) -> None:
    while _batch(row.pk) and datetime.now(UTC) < now + TURN:
        leases.renew_held()
    traces.wipe()


def _team_for_a_while(team: Team, now: datetime) -> None:
    while _batch_of_team(team) and datetime.now(UTC) < now + TURN:
        leases.renew_held()
    traces.wipe()


ERASURE = Chore("erasure", _due, _for_a_while)
TEAM = Chore("erasure of a team", _teams_due, _team_for_a_while)


def pull_requests(keys: Sequence[int]) -> None:
    """Deletes pull requests with their children, and commits that no other one has."""
    links = PullRequestCommit.objects.filter(pull_request__in=keys)
    commits = list(links.values_list("commit", flat=True).distinct())
    PullRequest.objects.filter(pk__in=keys).delete()
    Commit.objects.filter(pk__in=commits, pull_request_links=None).delete()


@transaction.atomic
def _batch(pk: int) -> bool:
    """Deletes a batch of one row's data; returns whether there may be more."""
    row = Erasure.objects.filter(pk=pk).select_related("integration", "repository").first()
    if row is None:
        return False
    lock_team(row.team_id)
    if row.integration:
        return _of_integration(row, row.integration)
    # A team that begins to track it locks its row as well, so this query sees that.
    locked = Repository.objects.select_for_update(no_key=True)
    key = row.repository_id or 0
    found = locked.filter(pk=key).first()
    if found is None or TrackedRepository.objects.filter(repository=found).exists():
        Repository.objects.filter(pk=key).update(is_leaving=False)
        row.delete()
        return False
    return _of_repository(found)


def _of_repository(repository: Repository) -> bool:
    mine = PullRequest.objects.filter(repository=repository).order_by("pk")
    if keys := list(mine.values_list("pk", flat=True)[:BATCH]):
        pull_requests(keys)
        freshness.changed(repository.pk)
        left = Greatest(F("deletion_left") - len(keys), 0)
        Team.objects.filter(pk=repository.team_id).update(deletion_left=left)
        return True
    if _some(Commit.objects.filter(repository=repository)) or _some_of_production(repository):
        return True
    _forget_checks(repository)
    _forget_deliveries(repository)
    record("data.deleted", team_id=repository.team_id, object_name=repository.full_name)
    repository.delete()  # also deletes the row that asked for it
    return False


def _some_of_production(repository: Repository) -> bool:
    """Deletes deployments and the branch's graph in batches: a long history has very many rows."""
    mine = {"application__repository": repository}
    return (
        _some(BroughtCommit.objects.filter(**mine))
        or _some(Deployment.objects.filter(**mine))
        or _some(BranchCommit.objects.filter(repository=repository))
    )


def _forget_deliveries(repository: Repository) -> None:
    """Deletes its webhook deliveries, if no other team tracks it."""
    number = repository.github_repo_id
    others = TrackedRepository.objects.filter(github_repo_id=number, is_active=True)
    if not others.exclude(team=repository.team_id).exists():
        WebhookDelivery.objects.filter(github_repo_id=number).delete()


def _forget_checks(repository: Repository) -> None:
    """Deletes spot check results of its pull requests, which contain their values."""
    for check in SpotCheck.objects.for_team(repository.team):
        name = f"{repository.full_name}#"
        kept = [one for one in check.differences if not one["pull_request"].startswith(name)]
        if len(kept) < len(check.differences):
            SpotCheck.objects.filter(pk=check.pk).update(differences=kept)


def _of_integration(row: Erasure, integration: GitHubIntegration) -> bool:
    """Deletes its people, after its repositories; nothing if it was connected again."""
    if integration.disconnected_at is None:
        row.delete()
        return False
    others = GitHubIntegration.members.through.objects.exclude(githubintegration=integration)
    people = TeamMember.objects.filter(integrations=integration).exclude(
        pk__in=others.values("teammember")
    )
    figures_changed(row.team_id)
    freshness.gone(row.team_id)
    if _some(people) or _some(_without_trace(row.team)):
        return True
    commit_identities.forget_gone(row.team)
    same_people.follow_all(row.team)
    mine = {"team": row.team, "organization_id": integration.organization_id}
    Group.objects.filter(**mine).delete()
    record("data.deleted", team_id=row.team_id, object_name=integration.organization_slug)
    credential = integration.credential
    integration.delete()
    if not credential.integrations.exists():
        credential.delete()
    return False


def _without_trace(team: Team) -> QuerySet[TeamMember]:
    """Former members without any stored activity."""
    mine = TeamMember.objects.for_team(team).filter(integrations=None)
    for role in LINKED:
        done = role.model._default_manager.filter(**{role.name: OuterRef("pk")})
        mine = mine.exclude(Exists(done))
    return mine


@transaction.atomic
def _batch_of_team(team: Team) -> bool:
    """Deletes the rest after the repositories; last the team, and all that names a person."""
    for model in apps.get_models():
        if issubclass(model, BaseTeamModel) and _some(model._default_manager.filter(team=team)):
            return True
    history.scrub(AuditEvent.objects.filter(team=team))
    if Team.objects.filter(pk=team.pk).delete()[0]:
        record("team.deleted")  # without naming the team
    return False


def _some(rows: QuerySet[Any]) -> bool:
    """Deletes a batch; returns whether there was any."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
    return bool(keys)


def left_of(team: Team) -> int:
    """The number of pull requests still to be deleted at a user's request."""
    doomed = Erasure.objects.filter(team=team, repository__isnull=False).values("repository")
    return PullRequest.objects.filter(repository__in=doomed).count()
