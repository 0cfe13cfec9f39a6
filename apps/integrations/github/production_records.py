"""What GitHub tells of deliveries, as it comes, and as the rest of the program reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from apps.integrations.github import records
from apps.integrations.github.client import GraphQLReply
from apps.integrations.github.errors import GitHubError, NotFoundError, ScopeMissingError
from apps.integrations.github.reading import decode
from apps.integrations.github.records import PageInfo, Record
from apps.integrations.github.replies import error_from_problem

_GONE = "GitHub does not find the repository, or the token may not see it."


class NotGrantedError(GitHubError):
    """GitHub asks for a permission that the App, or the token, was not given."""

    retryable = False

    def __init__(self, permission: str) -> None:
        super().__init__(f"GitHub does not show {permission} to this connection.")
        self.permission = permission


class Identified(Record, frozen=True):
    """What is known by its id."""

    id: str


class NewestRelease(Record, frozen=True):
    """A release, by what makes it count."""

    id: str
    published_at: datetime | None = None
    is_draft: bool | None = None
    is_prerelease: bool | None = None


class NewestNode(Record, frozen=True):
    """A repository with its newest deployment and release; None where that is not told."""

    id: str
    deployments: records.Page[Identified] | None = None
    releases: records.Page[NewestRelease] | None = None


class Status(Record, frozen=True):
    """What became of a deployment, and when."""

    state: str = ""
    created_at: datetime | None = None


class RefNode(Record, frozen=True):
    """A branch or tag."""

    name: str | None = None


class DeploymentNode(Record, frozen=True):
    """A deployment with its statuses."""

    id: str
    commit_oid: str | None = None
    created_at: datetime | None = None
    environment: str | None = None
    original_environment: str | None = None
    ref: RefNode | None = None
    latest_status: Status | None = None
    statuses: records.Page[Status] | None = None


class CommitParents(Record, frozen=True):
    """A commit as a bare node."""

    oid: str
    committed_date: datetime | None = None
    parents: records.Page[records.CommitId] | None = None


class ReleaseNode(Record, frozen=True):
    """A release, and where its tag is now."""

    id: str
    tag_name: str | None = None
    is_draft: bool | None = None
    is_prerelease: bool | None = None
    published_at: datetime | None = None
    url: str | None = None
    tag_commit: records.CommitId | None = None


class HistoryNode(Record, frozen=True):
    """A commit with a page of its history."""

    oid: str | None = None
    history: records.Page[CommitParents] | None = None


class BranchNode(Record, frozen=True):
    """A branch and the commit that it is at."""

    name: str | None = None
    target: HistoryNode | None = None


class RepositoryNode(Record, frozen=True):
    """A repository, or a deployment, with what was asked of it."""

    deployments: records.Page[DeploymentNode] | None = None
    releases: records.Page[ReleaseNode] | None = None
    default_branch_ref: BranchNode | None = None
    object: HistoryNode | None = None
    statuses: records.Page[Status] | None = None


@dataclass(frozen=True)
class Told:
    """A delivery as its source tells it; `deployed_at` None: it has not succeeded (yet).

    `is_final`: nothing that matters can still come.
    """

    id: str
    sha: str
    requested_at: datetime
    deployed_at: datetime | None
    environment: str = ""
    state: str = ""
    name: str = ""
    url: str = ""
    is_final: bool = True


@dataclass(frozen=True)
class Page:
    """A page of a list, newest first, and where the next one begins; empty: there is none.

    It is whole where GitHub left out nothing. `untold` are the ids of those that are there, and of
    which it did not tell enough.
    """

    items: list[Told]
    next: str = ""
    is_whole: bool = True
    untold: tuple[str, ...] = ()


@dataclass(frozen=True)
class Newest:
    """What a repository's newest deliveries are known by; empty: there is none; None: not told.

    `not_granted` has the permissions that are missing to tell.
    """

    deployment: str | None = ""
    release: str | None = ""
    not_granted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Commits:
    """Commits of a branch as bare nodes, with where to go on; `tip` is where the branch is."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    oldest: datetime | None = None
    next: str = ""
    tip: str = ""


def repository_of(reply: GraphQLReply, permission: str) -> RepositoryNode:
    """The one node that was asked for. Raises what keeps us out of it.

    Where something of a list's item cannot be told, the item alone is missing.
    """
    for problem in reply.problems:
        path = problem.path or []
        if problem.is_bearable or (path[:1] == ["nodes"] and _is_of_an_item(path)):
            continue
        error = error_from_problem(problem)
        if isinstance(error, ScopeMissingError) and len(path) > 2:
            raise NotGrantedError(permission)
        raise error
    found = decode(reply.data, records.NodesReply[RepositoryNode]).nodes
    if not found or found[0] is None:
        raise NotFoundError(_GONE)
    node: RepositoryNode = found[0]
    return node


def _is_of_an_item(path: Sequence[str | int]) -> bool:
    return len(path) > 4 and isinstance(path[4], int)


def next_of(page: PageInfo) -> str:
    """Where the next page begins; empty where there is none."""
    return (page.end_cursor or "") if page.has_next_page else ""
