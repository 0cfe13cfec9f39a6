"""How fresh and how whole the data is. Who fetches it tells; pages here only ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from apps.metrics.models import PullRequest, Repository
from apps.teams.models import Team


@dataclass(frozen=True)
class Freshness:
    """When the source was looked at last, how much history is still to come, and what stands.

    `stopped` repositories are not fetched since `stopped_at`, since the source refuses our key;
    since `disconnected_at` there is no connection at all. `is_untracked`: repositories were chosen,
    but none is now. `is_connected`: there is a source to choose repositories from.
    """

    checked_at: datetime | None = None
    repositories: int = 0
    incomplete: int = 0
    whole_since: datetime | None = None
    stopped: int = 0
    stopped_at: datetime | None = None
    disconnected_at: datetime | None = None
    is_untracked: bool = False
    is_connected: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether history is still being read."""
        return self.incomplete > 0


def recounted(team: Team) -> int | None:
    """How much follows the team's new settings already, in per cent; None when all of it does."""
    if team.recalculate_from is None:
        return None
    rows = PullRequest.objects.for_team(team)
    done = rows.filter(pk__lte=team.recalculate_from).count()
    return 100 * done // max(rows.count(), 1)


_sources: list[Callable[[Team], Freshness]] = []


def register(source: Callable[[Team], Freshness]) -> None:
    """Tell whom to ask; the latest to register is asked."""
    _sources[:] = [source]


def freshness(team: Team) -> Freshness:
    """Of a team's data."""
    return _sources[0](team) if _sources else Freshness()


def changed(repository: Repository, fetched_at: datetime | None = None) -> None:
    """Tells that pull requests of it are stored or deleted: within the same transaction.

    A count for each repository, since one of the whole team would have all workers wait for each
    other; and a count, since instants do not come in the order in which transactions end.
    """
    fetched = {"fetched_at": fetched_at} if fetched_at else {}
    Repository.objects.filter(pk=repository.pk).update(revision=F("revision") + 1, **fetched)


def all_changed(team: Team) -> None:
    """The same of all its repositories, and no pull request is stored until the transaction ends.

    Whoever stores some then knows what was decided here; what was stored before is seen here.
    """
    Repository.objects.for_team(team).update(revision=F("revision") + 1)
