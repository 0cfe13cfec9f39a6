"""Deletes what was fetched where somebody asked for it: in batches, in the background.

What is left to do is rows (`Erasure`), so that a killed worker loses nothing. A repository that is
tracked anew meanwhile is fetched from its beginning, and no longer deleted.
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
    """Makes due what a connection has fetched: repositories with all in them, people, groups."""
    tracked = TrackedRepository.objects.filter(integration=integration)
    _make_due(Repository.objects.filter(tracking__in=tracked))
    # With its places in the lists: a team that tracks it again begins at the beginning.
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
    """Makes due all that a team has; it ends with the team itself."""
    _make_due(Repository.objects.for_team(team))
    TrackedRepository.objects.for_team(team).delete()
    left = PullRequest.objects.for_team(team).count()
    Team.objects.filter(pk=team.pk).update(deleting_since=timezone.now(), deletion_left=left)


def _due(now: datetime) -> QuerySet[Erasure]:
    """What is to be deleted; a connection's people once its team's repositories are gone."""
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
    """Deletes pull requests with all below them, and commits that no other one has."""
    links = PullRequestCommit.objects.filter(pull_request__in=keys)
    commits = list(links.values_list("commit", flat=True).distinct())
    PullRequest.objects.filter(pk__in=keys).delete()
    Commit.objects.filter(pk__in=commits, pull_request_links=None).delete()


@transaction.atomic
def _batch(pk: int) -> bool:
    """Deletes some of what one row asks for; whether there may be more."""
    row = Erasure.objects.filter(pk=pk).select_related("integration", "repository").first()
    if row is None:
        return False
    lock_team(row.team_id)
    if row.integration:
        return _of_integration(row, row.integration)
    # A team that begins to track it locks its row as well: then this sees it.
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
    repository.delete()  # and the row that asked for it
    return False


def _some_of_production(repository: Repository) -> bool:
    """Deployments and the branch's graph: of a long history there are very many rows."""
    mine = {"application__repository": repository}
    return (
        _some(BroughtCommit.objects.filter(**mine))
        or _some(Deployment.objects.filter(**mine))
        or _some(BranchCommit.objects.filter(repository=repository))
    )


def _forget_deliveries(repository: Repository) -> None:
    """Forgets what webhooks told of it, where no other team tracks it."""
    number = repository.github_repo_id
    others = TrackedRepository.objects.filter(github_repo_id=number, is_active=True)
    if not others.exclude(team=repository.team_id).exists():
        WebhookDelivery.objects.filter(github_repo_id=number).delete()


def _forget_checks(repository: Repository) -> None:
    """Forgets what spot checks found in its pull requests: that shows what stood in them."""
    for check in SpotCheck.objects.for_team(repository.team):
        name = f"{repository.full_name}#"
        kept = [one for one in check.differences if not one["pull_request"].startswith(name)]
        if len(kept) < len(check.differences):
            SpotCheck.objects.filter(pk=check.pk).update(differences=kept)


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
    """Those who left and have done nothing that is kept: nobody's people any more."""
    mine = TeamMember.objects.for_team(team).filter(integrations=None)
    for role in LINKED:
        done = role.model._default_manager.filter(**{role.name: OuterRef("pk")})
        mine = mine.exclude(Exists(done))
    return mine


@transaction.atomic
def _batch_of_team(team: Team) -> bool:
    """What is left once its repositories are gone; last the team, and what names anybody."""
    for model in apps.get_models():
        if issubclass(model, BaseTeamModel) and _some(model._default_manager.filter(team=team)):
            return True
    history.scrub(AuditEvent.objects.filter(team=team))
    if Team.objects.filter(pk=team.pk).delete()[0]:
        record("team.deleted")  # and not whose it was
    return False


def _some(rows: QuerySet[Any]) -> bool:
    """Deletes a batch; whether there was any."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
    return bool(keys)


def left_of(team: Team) -> int:
    """How many pull requests are still to be deleted, because somebody asked for it."""
    doomed = Erasure.objects.filter(team=team, repository__isnull=False).values("repository")
    return PullRequest.objects.filter(repository__in=doomed).count()
