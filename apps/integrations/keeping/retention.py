"""Deletes what a team no longer wants to keep: in batches, once a day, and after a change."""

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
from apps.metrics.figures.leaving import ended_before
from apps.metrics.models import PullRequest
from apps.teams.changes import figures_changed, lock_team
from apps.teams.models import Team
from apps.users import throttle
from apps.users.sessions import SessionStore

EVERY = timedelta(days=1)


def _due(now: datetime) -> QuerySet[Team]:
    return Team.objects.filter(prune_due_at__lte=now, deleting_since=None).order_by("prune_due_at")


def _for_a_while(team: Team, now: datetime) -> None:
    _begin(team, now)
    count = 0
    while (deleted := _batch(team, now)) and datetime.now(UTC) < now + erasure.TURN:
        count += deleted
        leases.renew_held()
    if count := count + deleted:
        record("data.pruned", team_id=team.pk, pull_requests=count)


RETENTION = Chore("retention", _due, _for_a_while)


def forget_audit(now: datetime) -> None:
    """Deletes expired entries of the audit log, and ended sessions."""
    SessionStore.clear_expired()
    throttle.forget_expired()
    history.forget_old(now, Team.objects.values_list("audit_days", flat=True).distinct())


def too_old(team: Team, now: datetime) -> QuerySet[PullRequest]:
    """Pull requests beyond the team's retention: closed, and without activity since."""
    before = _before(team, now)
    rows = PullRequest.objects.for_team(team)
    return rows.filter(ended_before(before)) if before else rows.none()


def _before(team: Team, now: datetime) -> datetime | None:
    return now - timedelta(days=team.keep_days) if team.keep_days else None


@transaction.atomic
def _begin(team: Team, now: datetime) -> None:
    """Excludes from figures, at once, everything that will be deleted in batches.

    A longer retention may include some of it again.
    """
    lock_team(team.pk)
    team = Team.objects.get(pk=team.pk)
    before = _before(team, now)
    if before and team.pruned_before and abs(before - team.pruned_before) < EVERY:
        return
    before = before if too_old(team, now).exists() else None
    if before == team.pruned_before:
        return
    figures_changed(team.pk)
    freshness.gone(team.pk)
    Team.objects.filter(pk=team.pk).update(pruned_before=before)


@transaction.atomic
def _batch(team: Team, now: datetime) -> int:
    """Deletes a batch; returns how many."""
    # In the order in which a sync locks them.
    lock_team(team.pk)
    team = Team.objects.get(pk=team.pk)
    rows = _doomed(team)
    if not rows:
        commit_identities.forget_gone(team)
        due_at = now + EVERY if team.keep_days else None
        Team.objects.filter(pk=team.pk).update(prune_due_at=due_at, pruned_before=None)
        return 0
    _note_window(team, {repository for _, repository in rows}, now)
    erasure.pull_requests([pk for pk, _ in rows])
    return len(rows)


def _doomed(team: Team) -> list[tuple[int, int]]:
    """Some pull requests excluded for deletion, each with its repository."""
    if team.pruned_before is None:
        return []
    rows = PullRequest.objects.for_team(team).filter(ended_before(team.pruned_before))
    return list(rows.order_by("pk").values_list("pk", "repository")[: erasure.BATCH])


def _note_window(team: Team, repositories: set[int], now: datetime) -> None:
    """Records that older ones are missing: a longer retention later fetches them again."""
    TrackedRepository.objects.filter(repository__in=repositories).update(
        history_complete=False,
        history_cursor="",
        history_floor=now - timedelta(days=team.keep_days or 0),
    )
