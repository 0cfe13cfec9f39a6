"""GitHub's records of deployments and releases, and the form that the program uses."""

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
    """GitHub requires a permission that the App or the token lacks."""

    retryable = False

    def __init__(self, permission: str) -> None:
        super().__init__(f"GitHub does not show {permission} to this connection.")
        self.permission = permission


class Identified(Record, frozen=True):
    """An object with its id."""

    id: str


class NewestRelease(Record, frozen=True):
    """A release, with the fields that decide whether it counts."""

    id: str
    published_at: datetime | None = None
    is_draft: bool | None = None
    is_prerelease: bool | None = None


class NewestNode(Record, frozen=True):
    """A repository with its newest deployment and release; None if not reported."""

    id: str
    deployments: records.Page[Identified] | None = None
    releases: records.Page[NewestRelease] | None = None


class Status(Record, frozen=True):
    """A deployment status and its time."""

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
    """A commit with its parents only."""

    oid: str
    committed_date: datetime | None = None
    parents: records.Page[records.CommitId] | None = None


class ReleaseNode(Record, frozen=True):
    """A release, and the commit of its tag."""

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
    """A branch and its head commit."""

    name: str | None = None
    target: HistoryNode | None = None


class RepositoryNode(Record, frozen=True):
    """A repository or a deployment, with the requested fields."""

    deployments: records.Page[DeploymentNode] | None = None
    releases: records.Page[ReleaseNode] | None = None
    default_branch_ref: BranchNode | None = None
    object: HistoryNode | None = None
    statuses: records.Page[Status] | None = None


@dataclass(frozen=True)
class ReportedDeployment:
    """A delivery as its source reports it; `deployed_at` None: it has not succeeded (yet)."""

    id: str
    sha: str
    requested_at: datetime
    deployed_at: datetime | None
    environment: str = ""
    state: str = ""
    name: str = ""
    url: str = ""


@dataclass(frozen=True)
class Page:
    """A page of a list, newest first, and the cursor of the next one; empty: there is none.

    It is complete if GitHub left out nothing. `unreadable` lists ids of items that exist but
    were not reported in enough detail.
    """

    items: list[ReportedDeployment]
    next: str = ""
    is_complete: bool = True
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Newest:
    """Fingerprints of a repository's newest deliveries; empty: there is none; None: not reported.

    `not_granted` lists the missing permissions.
    """

    deployment: str | None = ""
    release: str | None = ""
    not_granted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Commits:
    """Commits of a branch with their parents, and where to continue; `tip` is the branch's head."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    oldest: datetime | None = None
    next: str = ""
    tip: str = ""


def repository_of(reply: GraphQLReply, permission: str) -> RepositoryNode:
    """The requested node. Raises the error that denies access to it.

    An unreadable item of a list is left out alone.
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
    """The next page's cursor; empty if there is none."""
    return (page.end_cursor or "") if page.has_next_page else ""
