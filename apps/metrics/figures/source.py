"""The source of the data's freshness and completeness: the app that fetches registers here.

Every process registers at startup, so nothing large is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.teams.models import Team

Untracked = Mapping[int, datetime | None]


@dataclass(frozen=True)
class Freshness:
    """When the source was last read, how much history is still to come, and what has stopped.

    `stopped` repositories are not fetched since `stopped_at`, because the source refuses our token;
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


_sources: list[tuple[Callable[[Team], Freshness], Callable[[Team], Untracked]]] = []


def register(source: Callable[[Team], Freshness], untracked: Callable[[Team], Untracked]) -> None:
    """Registers the source; the latest registration counts."""
    _sources[:] = [(source, untracked)]


def freshness(team: Team) -> Freshness:
    """Of a team's data."""
    return _sources[0][0](team) if _sources else Freshness()


def untracked(team: Team) -> Untracked:
    """Repositories that are no longer fetched, by key, and since when, if known."""
    return _sources[0][1](team) if _sources else {}
