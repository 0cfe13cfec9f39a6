"""GitHub's data about one pull request, as far as its figures depend on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

GroupMembers = Mapping[int, Collection[int]]
"""By the id of a GitHub team, its members' main accounts."""


@dataclass(frozen=True)
class Person:
    """Who acted; without id and login if the account was deleted."""

    id: int | None
    login: str | None
    is_bot: bool = False

    @property
    def key(self) -> int | str | None:
        """The identity of a person: all deleted accounts are one."""
        return self.id if self.id is not None else self.login and self.login.lower()

    def is_same(self, other: Person) -> bool:
        """Whether both are the same account, as far as is known."""
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
    """A commit of the pull request, with its times as far as GitHub returns them."""

    authored_at: datetime | None
    committed_at: datetime | None


@dataclass(frozen=True)
class EventFact:
    """A timeline event, its kind as in `TimelineEvent.Kind`.

    `reviewer` is who was requested, bot or not; `group` is a GitHub team, None if its id is
    unknown.
    """

    kind: str
    at: datetime
    reviewer: int | None = None
    group: int | None = None
    is_group: bool = False
    is_bot: bool = False


@dataclass(frozen=True)
class PullRequestFacts:
    """GitHub's data about a pull request, as far as figures depend on it."""

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
    """Who asked an agent for it: like an author, no reviewer of it."""

    @property
    def ended_at(self) -> datetime | None:
        """When it was merged, else closed."""
        return self.merged_at or self.closed_at

    @property
    def committed(self) -> list[datetime]:
        """When its commits were committed, as far as is known."""
        return [commit.committed_at for commit in self.commits if commit.committed_at]
