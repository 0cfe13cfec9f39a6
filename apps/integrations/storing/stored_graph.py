"""A repository's commit graph, and what an application has of it, loaded as needed.

Commits below what was read are ancestors of the first deployment: see `sync.branch_walk`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef

from apps import reading
from apps.metrics.calculations.ancestry import Graph
from apps.metrics.models import Application, BranchCommit, BroughtCommit

AROUND = 40
"""Generations loaded together, since neighbours are needed next."""


@dataclass(frozen=True)
class Node:
    """A stored commit."""

    pk: int
    parents: Sequence[str]
    generation: int


@dataclass
class StoredGraph:
    """The graph of an application's repository, and which of its commits were deployed."""

    application: Application
    nodes: dict[str, Node | None] = field(default_factory=dict)
    brought: set[str] = field(default_factory=set)
    is_complete: bool = False

    @property
    def graph(self) -> Graph:
        """For the calculations."""
        return Graph(self._parents, self._generation)

    def load_all(self) -> None:
        """Loads everything at once, for callers that need most of it."""
        mine = BroughtCommit.objects.filter(application=self.application)
        keys = {commit for (commit,) in reading.by_key(mine, "commit", part=10_000)}
        rows = BranchCommit.objects.filter(repository=self.application.repository_id)
        columns = ("pk", "sha", "parents", "generation")
        for pk, sha, parents, generation in reading.by_key(rows, *columns, part=10_000):
            self.nodes[sha] = Node(pk, parents.split(), generation or 0)
            if pk in keys:
                self.brought.add(sha)
        self.is_complete = True

    def node(self, sha: str) -> Node | None:
        """A commit; None if it was not read."""
        if sha not in self.nodes and not self.is_complete:
            self._read_around(sha)
        return self.nodes.get(sha)

    def is_brought(self, sha: str) -> bool:
        """Whether the application had a commit before; it always had what lies below the graph."""
        return self.node(sha) is None or sha in self.brought

    def _parents(self, sha: str) -> Sequence[str]:
        found = self.node(sha)
        return found.parents if found else ()

    def _generation(self, sha: str) -> int:
        found = self.node(sha)
        return found.generation if found else 0

    def _read_around(self, sha: str) -> None:
        rows = BranchCommit.objects.filter(repository=self.application.repository_id)
        generation = rows.filter(sha=sha).values_list("generation", flat=True).first()
        if generation is None:
            self.nodes[sha] = None
            return
        near = rows.filter(generation__range=(max(generation - AROUND, 0), generation))
        brought = BroughtCommit.objects.filter(application=self.application, commit=OuterRef("pk"))
        found = near.annotate(is_brought=Exists(brought))
        self._add(found.values_list("pk", "sha", "parents", "generation", "is_brought"))

    def _add(self, rows: Iterable[tuple[int, str, str, int | None, bool]]) -> None:
        for pk, sha, parents, generation, is_brought in rows:
            if sha in self.nodes:
                continue  # Commits deployed since it was loaded are only known here.
            self.nodes[sha] = Node(pk, parents.split(), generation or 0)
            if is_brought:
                self.brought.add(sha)


class Brought(set[str]):
    """The commits of an application, as a set: queried in the database, extended in memory."""

    def __init__(self, stored: StoredGraph) -> None:
        super().__init__()
        self._stored = stored

    def __contains__(self, sha: object) -> bool:
        return isinstance(sha, str) and self._stored.is_brought(sha)

    def update(self, *shas: Iterable[str]) -> None:
        """Adds a deployment's commits."""
        for some in shas:
            self._stored.brought.update(some)


class Deployed(set[str]):
    """The deployed commits of an application: loaded at once if many are needed."""

    def __init__(self, application: Application, *, at_once: bool) -> None:
        self._rows = application.deployments.filter(sequence__isnull=False, is_unplaced=False)
        super().__init__(self._rows.values_list("sha", flat=True) if at_once else ())
        self._is_complete = at_once

    def __contains__(self, sha: object) -> bool:
        if super().__contains__(sha) or self._is_complete:
            return super().__contains__(sha)
        return self._rows.filter(sha=sha).exists()
