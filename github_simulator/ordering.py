"""Sorted lists, and the opaque cursors of positions in them."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from .changes import CHANGES
from .refusals import GitHubError
from .world import PullRequest, Repository

Key = list[Any]

PREFIX = "cursor:v2:"


@dataclass(frozen=True)
class Ordered:
    """Items with their sort keys, ascending; readable in either direction."""

    keys: Sequence[Key]
    items: Sequence[Any]
    descending: bool = False

    @classmethod
    def of(
        cls, items: Iterable[Any], key: Callable[[Any], Key], *, descending: bool = False
    ) -> Ordered:
        pairs = sorted(((key(item), item) for item in items), key=_first)
        return cls([pair[0] for pair in pairs], [pair[1] for pair in pairs], descending)

    def __len__(self) -> int:
        return len(self.keys)

    def before(self, cursor: str) -> int:
        """How many come before the cursor's position. Raises GitHubError for an invalid cursor."""
        return self._rank(cursor, bisect_right if self.descending else bisect_left)

    def up_to(self, cursor: str) -> int:
        """How many come before the cursor's position or are at it."""
        return self._rank(cursor, bisect_left if self.descending else bisect_right)

    def part(self, start: int, end: int) -> tuple[Sequence[Key], Sequence[Any]]:
        """The keys and items from position `start` to before `end`, in reading direction."""
        if not self.descending:
            return self.keys[start:end], self.items[start:end]
        chosen = slice(len(self) - end, len(self) - start)
        return self.keys[chosen][::-1], self.items[chosen][::-1]

    def _rank(self, cursor: str, bisect: Callable[[Sequence[Key], Key], int]) -> int:
        try:
            place = bisect(self.keys, decode(cursor))
        except TypeError as error:
            raise _invalid(cursor) from error
        return len(self) - place if self.descending else place


def encode(key: Key) -> str:
    return base64.b64encode((PREFIX + json.dumps(key)).encode()).decode()


def decode(cursor: str) -> Key:
    """The sort key in a cursor. Raises GitHubError if it is invalid."""
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        key = json.loads(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list):
        raise _invalid(cursor)
    return key


def _invalid(cursor: str) -> GitHubError:
    return GitHubError(
        "INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor."
    )


def _first(pair: tuple[Key, Any]) -> Key:
    return pair[0]


# A repository of 100,000 pull requests is read in thousands of pages: sorted once, not each time.
_kept: WeakKeyDictionary[Repository, tuple[tuple[int, int], Ordered]] = WeakKeyDictionary()


def listed(repository: Repository) -> list[PullRequest]:
    """Those in GitHub's index: one may come late, though it is counted and returned by id."""
    every = repository.pull_requests.values()
    return [each for each in every if each.number not in repository.late]


def newest_last(repository: Repository) -> Ordered:
    """The repository's pull requests by `updatedAt`, sorted again only after a change."""
    state = (CHANGES.count, len(repository.pull_requests))
    known = _kept.get(repository)
    if known is None or known[0] != state:
        known = state, Ordered.of(listed(repository), _by_update)
        _kept[repository] = known
    return known[1]


def _by_update(pull_request: PullRequest) -> Key:
    return [pull_request.updated_at.timestamp(), pull_request.id]
