"""Whom pages ask how fresh and how whole the data is: whoever fetches it registers here.

Every process registers when it begins, so that nothing large is loaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.teams.models import Team

Untracked = Mapping[int, datetime | None]


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


_sources: list[tuple[Callable[[Team], Freshness], Callable[[Team], Untracked]]] = []


def register(source: Callable[[Team], Freshness], untracked: Callable[[Team], Untracked]) -> None:
    """Tell whom to ask; the latest to register is asked."""
    _sources[:] = [(source, untracked)]


def freshness(team: Team) -> Freshness:
    """Of a team's data."""
    return _sources[0][0](team) if _sources else Freshness()


def untracked(team: Team) -> Untracked:
    """By their keys the repositories that are no longer fetched, and since when, if known."""
    return _sources[0][1](team) if _sources else {}
