"""Deletes what a team no longer wants to keep: in batches, once a day, and when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from apps.audit import history
from apps.audit.record import record
from apps.integrations.keeping import erasure
from apps.integrations.models import TrackedRepository
from apps.integrations.people import commit_identities
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.figures import freshness
from apps.metrics.models import PullRequest
from apps.teams.changes import figures_changed
from apps.teams.models import Team
from apps.users import throttle
from apps.users.sessions import SessionStore

EVERY = timedelta(days=1)


def _due(now: datetime) -> QuerySet[Team]:
    return Team.objects.filter(prune_due_at__lte=now, deleting_since=None).order_by("prune_due_at")


def _for_a_while(team: Team, now: datetime) -> None:
    count = 0
    while (deleted := _batch(team, now)) and datetime.now(UTC) < now + erasure.TURN:
        count += deleted
        leases.renew_held()
    if count := count + deleted:
        record("data.pruned", team_id=team.pk, pull_requests=count)


RETENTION = Chore("retention", _due, _for_a_while)


def forget_audit(now: datetime) -> None:
    """Forgets entries of the audit log that their team no longer keeps, and sessions that ended."""
    SessionStore.clear_expired()
    throttle.forget_expired()
    history.forget_old(now, Team.objects.values_list("audit_days", flat=True).distinct())


def too_old(team: Team, now: datetime) -> QuerySet[PullRequest]:
    """Pull requests that the team does not keep: ended, and nothing happened to them since."""
    rows = PullRequest.objects.for_team(team)
    if not team.keep_days:
        return rows.none()
    return rows.exclude(state=PullRequest.State.OPEN).filter(
        updated_at__lt=now - timedelta(days=team.keep_days)
    )


@transaction.atomic
def _batch(team: Team, now: datetime) -> int:
    """Deletes some; how many."""
    team = Team.objects.get(pk=team.pk)
    rows = list(too_old(team, now).order_by("pk").values_list("pk", "repository")[: erasure.BATCH])
    if not rows:
        commit_identities.forget_gone(team)
        due_at = now + EVERY if team.keep_days else None
        Team.objects.filter(pk=team.pk).update(prune_due_at=due_at)
        return 0
    # In the order in which a sync locks them.
    figures_changed(team.pk)
    freshness.gone(team.pk)
    _note_window(team, {repository for _, repository in rows}, now)
    erasure.pull_requests([pk for pk, _ in rows])
    return len(rows)


def _note_window(team: Team, repositories: set[int], now: datetime) -> None:
    """Stores that older ones are missing: a longer retention later fetches them again."""
    TrackedRepository.objects.filter(repository__in=repositories).update(
        history_complete=False,
        history_cursor="",
        history_floor=now - timedelta(days=team.keep_days or 0),
    )
