"""Typed records decoded from GitHub's responses; names are GitHub's, in Python's spelling."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

Item = TypeVar("Item")
# The range of a database column; anything else counts as not reported.
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Path = tuple[str | int, ...]
"""A path in a response, of GraphQL names and list positions."""


class Record(Struct, rename="camel", frozen=True):
    """A part of a GraphQL response."""


class PageInfo(Record, frozen=True):
    """The end of a page."""

    has_next_page: bool = False
    end_cursor: str | None = None
    start_cursor: str | None = None


class Page(Record, Generic[Item], frozen=True):
    """A page of a connection; GitHub returns null for a node that it may not show."""

    nodes: list[Item | None] | None = None
    page_info: PageInfo = PageInfo()
    total_count: Count | None = None

    @property
    def items(self) -> list[Item]:
        """The nodes that are not null."""
        return [node for node in self.nodes or () if node is not None]


class RawPage(Record, frozen=True):
    """A page whose nodes are decoded one by one, so that a bad one affects no other."""

    nodes: list[Raw] | None = None
    page_info: PageInfo = PageInfo()
    total_count: Count | None = None


class Actor(Record, frozen=True):
    """The account that acted."""

    typename: str = msgspec.field(name="__typename")
    login: str | None = None
    database_id: Id | None = None


class Label(Record, frozen=True):
    """A label."""

    name: str


class GitActor(Record, frozen=True):
    """A commit's author or committer; `user` is null if GitHub knows no account for the address."""

    user: Actor | None = None
    name: str | None = None
    email: str | None = None


class Commit(Record, frozen=True):
    """A commit; its dates are from its author's and committer's clocks."""

    oid: str
    id: str | None = None
    authored_date: datetime | None = None
    committed_date: datetime | None = None
    message_headline: str | None = None
    message_body: str | None = None
    additions: Count | None = None
    deletions: Count | None = None
    author: GitActor | None = None
    committer: GitActor | None = None


class CommitNode(Record, frozen=True):
    """A commit's place in a pull request."""

    commit: Commit


class CommitId(Record, frozen=True):
    """A commit, by its id alone."""

    oid: str


class Message(Record, frozen=True):
    """A commit's whole message."""

    message: str | None = None


class Review(Record, frozen=True):
    """A review; PENDING ones have no `submitted_at`."""

    id: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"] | None = (
        None
    )
    full_database_id: Id | None = None
    submitted_at: datetime | None = None
    author: Actor | None = None


class Reviewer(Actor, frozen=True):
    """Who is requested for a review; for a team, `slug` is its name and `database_id` its id.

    Both are missing if the token may not see teams.
    """

    slug: str | None = None

    @property
    def is_team(self) -> bool:
        """Whether it is a team of an organisation."""
        return self.typename == "Team"


class TimelineItem(Record, frozen=True):
    """An event; types that were not requested only have their name."""

    typename: str = msgspec.field(name="__typename")
    id: str | None = None
    created_at: datetime | None = None
    actor: Actor | None = None
    requested_reviewer: Reviewer | None = None
    reason: str | None = None
    previous_ref_name: str | None = None
    current_ref_name: str | None = None


class PullRequest(Record, frozen=True):
    """A pull request with its lists, complete once `fetch` has returned it.

    Only its ids are required: what GitHub could not return is None, and in `missing_fields`.
    """

    id: str
    number: Count
    full_database_id: Id | None = None
    url: str | None = None
    title: str | None = None
    body: str | None = None
    state: Literal["OPEN", "CLOSED", "MERGED"] | None = None
    is_draft: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    author: Actor | None = None
    merged_by: Actor | None = None
    merge_commit: CommitId | None = None
    merge_message: Message | None = None
    base_ref_name: str | None = None
    head_ref_name: str | None = None
    additions: Count | None = None
    deletions: Count | None = None
    changed_files: Count | None = None
    total_comments_count: Count | None = None
    labels: Page[Label] = Page()
    commits: Page[CommitNode] = Page()
    reviews: Page[Review] = Page()
    timeline_items: Page[TimelineItem] = Page()
    missing_fields: tuple[Path, ...] = ()


class CommitAuthors(Record, frozen=True):
    """Everyone named by a commit: its author, and its co-authors in order of the trailers."""

    id: str | None = None
    authors: Page[GitActor] = Page()


class BranchName(Record, frozen=True):
    """A branch."""

    name: str


class Repository(Record, frozen=True):
    """A repository, without its pull requests."""

    id: str
    name_with_owner: str
    database_id: Id = 0
    url: str | None = None
    is_private: bool | None = None
    is_archived: bool | None = None
    is_fork: bool | None = None
    pushed_at: datetime | None = None
    default_branch_ref: BranchName | None = None
    owner: Actor | None = None


class RateLimit(Record, frozen=True):
    """A query's cost in points, and the remaining budget; null on servers without limits."""

    cost: int
    remaining: int
    limit: int
    reset_at: datetime


class Change(Record, frozen=True):
    """When a pull request changed."""

    updated_at: datetime


class Total(Record, frozen=True):
    """A count."""

    total_count: int = 0


class RepositoryWithPullRequests(Repository, frozen=True, kw_only=True):
    """A page of a repository's walk; each pull request is decoded separately."""

    pull_requests: RawPage
    changes: Page[Change] = Page()
    open: Total | None = None


class Counted(Record, frozen=True):
    """A repository, and its number of pull requests."""

    id: str
    pull_requests: Total = Total()


class RepositoryWithNewest(Repository, frozen=True, kw_only=True):
    """A repository and the time of its newest change."""

    pull_requests: Page[Change]


class PullRequestsReply(Record, frozen=True):
    """The response to a query for a repository by name, with a page of its pull requests."""

    repository: RepositoryWithPullRequests | None = None


class RawNodesReply(Record, frozen=True):
    """The response to a query for nodes; `null` for each that is gone."""

    nodes: list[Raw]


class NodesReply(Record, Generic[Item], frozen=True):
    """The response to a query for nodes; None for each that is gone."""

    nodes: list[Item | None]
