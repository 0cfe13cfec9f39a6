"""What GitHub tells about one pull request, as far as its figures depend on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

GroupMembers = Mapping[int, Collection[int]]
"""By the id of a team on GitHub the main accounts of its members."""


@dataclass(frozen=True)
class Person:
    """Who acted; neither id nor login where the account was deleted."""

    id: int | None
    login: str | None
    is_bot: bool = False

    @property
    def key(self) -> int | str | None:
        """What tells people apart: all deleted accounts are one."""
        return self.id if self.id is not None else self.login and self.login.lower()

    def is_same(self, other: Person) -> bool:
        """Whether both are one account, as far as can be told."""
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return (self.login or "").lower() == (other.login or "").lower()


@dataclass(frozen=True)
class ReviewFact:
    """A submitted review; state in lower case, as it is now."""

    author: Person
    state: str
    submitted_at: datetime


@dataclass(frozen=True)
class CommitFact:
    """A commit of the pull request, its instants as far as GitHub tells them."""

    authored_at: datetime | None
    committed_at: datetime | None


@dataclass(frozen=True)
class EventFact:
    """A timeline event, its kind as in `TimelineEvent.Kind`.

    `reviewer` is whom it asks, a bot or not; `group` is a team on GitHub, None where its id is not
    told.
    """

    kind: str
    at: datetime
    reviewer: int | None = None
    group: int | None = None
    is_group: bool = False
    is_bot: bool = False


@dataclass(frozen=True)
class PullRequestFacts:
    """What GitHub tells about a pull request, as far as a figure depends on it."""

    state: str
    is_draft: bool
    author: Person
    opened_at: datetime
    closed_at: datetime | None
    merged_at: datetime | None
    additions: int | None = 0
    deletions: int | None = 0
    commits: Sequence[CommitFact] = ()
    reviews: Sequence[ReviewFact] = ()
    events: Sequence[EventFact] = ()
    group_members: GroupMembers = field(default_factory=dict)
    initiator: Person | None = None
    """Who asked an agent for it: no more a reviewer of it than its author."""

    @property
    def ended_at(self) -> datetime | None:
        """When it was merged, else closed."""
        return self.merged_at or self.closed_at

    @property
    def committed(self) -> list[datetime]:
        """When its commits were committed, as far as that is told."""
        return [commit.committed_at for commit in self.commits if commit.committed_at]
