"""Where the reading of an account's lists has come, so that the next turn continues there.

A place is kept as JSON between turns, and after a failure that may pass.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import Enum

import msgspec
from django.utils import timezone

from apps.integrations.github.people import ListedGroup
from apps.integrations.models import GitHubIntegration


class Step(Enum):
    """The lists, in the order in which they are read."""

    MEMBERS = "members"
    GROUPS = "groups"
    REPOSITORIES = "repositories"
    COUNTS = "counts"


class Place(msgspec.Struct):
    """A list, and its next page; `seen` holds GitHub's ids of what was read of it so far.

    `begun` is a team of which only some members were read so far. `left_out` says what GitHub did
    not return of any list, a sentence each.
    """

    step: Step = Step.MEMBERS
    next: str = ""
    seen: list[int] = []
    is_complete: bool = True
    begun: ListedGroup | None = None
    left_out: list[str] = []

    def add(self, ids: Collection[int], following: str, *, is_complete: bool) -> None:
        """Adds a page; `following` is where the next one begins."""
        self.seen += ids
        self.next = following
        self.is_complete = self.is_complete and is_complete

    def note(self, sentence: str) -> None:
        """Notes what GitHub did not return."""
        if sentence and sentence not in self.left_out:
            self.left_out.append(sentence)

    def go_on(self) -> None:
        """Goes on to the beginning of the next list, if there is one."""
        if self.step is not Step.COUNTS:
            self.step = list(Step)[list(Step).index(self.step) + 1]
        self.next, self.seen, self.is_complete, self.begun = "", [], True, None

    def as_text(self) -> str:
        """The form in which it is kept."""
        return msgspec.json.encode(self).decode()


def place_of(integration: GitHubIntegration) -> Place:
    """Where to continue; formerly only the URL of a page of repositories was kept."""
    if integration.listing_since is None:
        return Place()
    try:
        return msgspec.json.decode(integration.listing_next, type=Place)
    except msgspec.DecodeError:
        return Place(Step.REPOSITORIES, integration.listing_next)


def is_over(ends: datetime | None) -> bool:
    """Whether a turn is over; None never is."""
    return ends is not None and timezone.now() >= ends
