"""A default branch's commit graph, and which commits are ancestors of which.

Pure. Timestamps play no part: rebased and amended commits carry any date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

Parents = Mapping[str, Sequence[str]]


def generations(parents: Parents, below: Mapping[str, int] | None = None) -> dict[str, int]:
    """For each commit, one more than the highest of its parents; unknown parents count as 0.

    `below` has the generations of commits under the graph. A commit is never an ancestor of one
    whose generation is not higher.
    """
    known = below or {}
    found: dict[str, int] = {}
    for start in parents:
        left = [start]
        while left:
            commit = left[-1]
            if commit in found:
                left.pop()
                continue
            missing = [one for one in parents[commit] if one in parents and one not in found]
            if missing:
                left.extend(missing)
            else:
                left.pop()
                of_parents = (found.get(one, known.get(one, 0)) for one in parents[commit])
                found[commit] = max(of_parents, default=0) + 1
    return found


def with_ancestors(parents: Parents, sha: str) -> set[str]:
    """A commit and all its known ancestors."""
    seen, left = {sha}, [sha]
    while left:
        for one in parents.get(left.pop(), ()):
            if one not in seen:
                seen.add(one)
                left.append(one)
    return seen


@dataclass(frozen=True)
class Graph:
    """The parents and the generation of each known commit.

    Both are looked up one commit at a time, so that they can be read from the database.
    """

    parents: Callable[[str], Sequence[str]]
    generation: Callable[[str], int]

    @classmethod
    def from_parents(cls, parents: Parents) -> Graph:
        """A graph that is entirely in memory."""
        known = generations(parents)
        return cls(lambda sha: parents.get(sha, ()), lambda sha: known.get(sha, 0))

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is a proper ancestor of `newer`."""
        lowest = self.generation(older)
        seen, left = {newer}, [newer]
        while left:
            for parent in self.parents(left.pop()):
                if parent == older:
                    return True
                if parent not in seen and self.generation(parent) > lowest:
                    seen.add(parent)
                    left.append(parent)
        return False

    def since(self, newer: str, known: Callable[[str], bool]) -> Iterator[str]:
        """`newer` and its ancestors down to known ones, whose ancestors must be known too."""
        if known(newer):
            return
        seen, left = {newer}, [newer]
        while left:
            commit = left.pop()
            yield commit
            for parent in self.parents(commit):
                if parent not in seen and not known(parent):
                    seen.add(parent)
                    left.append(parent)

    def between(self, older: str, newer: str) -> list[str]:
        """`newer` and its ancestors that are neither `older` nor ancestors of it.

        Walks down from the highest generation, and ends when only common ancestors are left.
        """
        out: list[str] = []
        is_common = {newer: False, older: True}
        queue: list[tuple[int, str]] = []
        for start in is_common:
            heappush(queue, (-self.generation(start), start))
        open_ends = 1
        while open_ends:
            _, commit = heappop(queue)
            common = is_common[commit]
            if not common:
                out.append(commit)
                open_ends -= 1
            for parent in self.parents(commit):
                if parent not in is_common:
                    is_common[parent] = common
                    heappush(queue, (-self.generation(parent), parent))
                    open_ends += not common
                elif common and not is_common[parent]:
                    is_common[parent] = True
                    open_ends -= 1
        return out
