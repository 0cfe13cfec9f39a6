"""Tracks changes, so that no figure is counted on rows older than what is stored."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery

from apps.metrics.figures import source
from apps.metrics.figures.current import forget, once
from apps.metrics.figures.source import Untracked
from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team, new_figures_key


def recounted(team: Team) -> int | None:
    """How much follows the team's new settings already, in per cent; None when all of it does."""
    if team.recalculate_from is None:
        return None
    rows = PullRequest.objects.for_team(team)
    done = rows.filter(pk__lte=team.recalculate_from).count()
    return 100 * done // max(rows.count(), 1)


def untracked(team: Team) -> Untracked:
    """According to the source, the same within `one_state`."""
    return once(("untracked", team.pk), lambda: source.untracked(team))


def changed(repository_id: int, fetched_at: datetime | None = None) -> int:
    """Announces that pull requests of a repository change: earlier in the same transaction.

    Returns the new revision, with which each of them is stored: readers load rows with a newer one.
    Each repository has its own counter, since a counter of the whole team would serialise all
    workers. It is a counter, since timestamps do not follow the order of commits.
    """
    fetched = {"fetched_at": fetched_at} if fetched_at else {}
    row = Repository.objects.filter(pk=repository_id)
    row.update(revision=F("revision") + 1, **fetched)
    return row.values_list("revision", flat=True).get()


def all_changed(team: Team) -> None:
    """The same for all its repositories; no pull request is stored until the transaction ends.

    What is stored later sees what was decided here; what was stored before is visible here.
    """
    Repository.objects.for_team(team).update(revision=F("revision") + 1)


def stamp(rows: QuerySet[PullRequest]) -> None:
    """Marks the pull requests that change, after `all_changed` in the same transaction."""
    revision = Repository.objects.filter(pk=OuterRef("repository")).values("revision")
    changed = PullRequest.objects.filter(pk__in=rows.order_by().values("pk"))
    changed.update(stored_revision=Subquery(revision[:1]))


def leave(repositories: QuerySet[Repository]) -> None:
    """Announces a repository's gradual deletion: from now on no figure counts it.

    Cached figures are dropped once, not at each batch.
    """
    for team_id in list(repositories.order_by().values_list("team_id", flat=True).distinct()):
        gone(team_id)
    repositories.update(is_leaving=True)


def gone(team_id: int) -> None:
    """Announces the deletion of a team's rows: earlier in the same transaction.

    Cached arrays become invalid, wherever they are.
    """
    Team.objects.filter(pk=team_id).update(figures_key=new_figures_key())
    transaction.on_commit(lambda: forget(team_id))
