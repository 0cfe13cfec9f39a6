"""The rows of the read API; fields are those of the export of the same name."""

from __future__ import annotations

from datetime import datetime

from ninja import Schema


class PullRequestRow(Schema):
    """A pull request; durations in seconds, null if the stage did not happen.

    What GitHub could not return is null, too.
    """

    repository: str
    number: int
    github_id: int | None
    node_id: str
    title: str | None
    state: str
    is_draft: bool | None
    author_login: str | None
    author_github_id: int | None
    author_type: str | None
    is_bot: bool
    base_branch: str | None
    head_branch: str | None
    labels: list[str] | None
    additions: int | None
    deletions: int | None
    changed_files: int | None
    commits: int | None
    comments: int | None
    opened_at: datetime | None
    updated_at: datetime | None
    closed_at: datetime | None
    merged_at: datetime | None
    merged_by_login: str | None
    first_commit_at: datetime
    ready_at: datetime | None
    first_review_at: datetime | None
    approved_at: datetime | None
    cycle_time: int | None
    coding_time: int | None
    pickup_time: int | None
    review_time: int | None
    merge_time: int | None
    time_to_merge: int | None
    deployed_at: datetime | None
    deploy_time: int | None
    lead_time: int | None
    deployment: str | None
    review_rounds: int
    commits_after_first_review: int
    reviewers: int
    size: str | None
    is_revert: bool
    is_hotfix: bool
    is_external: bool
    has_old_commit: bool
    url: str
    ai: str | None
    ai_tools: list[str]
    ai_evidence: list[str]
    initiator_login: str | None
    initiator_github_id: int | None
    first_ai_review_at: datetime | None
    ai_reviews: int
    human_touched: bool | None


class Mark(Schema):
    """An event of a pull request."""

    lane: str
    kind: str
    at: datetime
    who: str
    what: str
    note: str


class PullRequestDetail(PullRequestRow):
    """A pull request and its events, in order."""

    timeline: list[Mark]


class ReviewRow(Schema):
    """A submitted review, by anyone."""

    repository: str
    number: int
    github_id: int | None
    reviewer_login: str | None
    reviewer_github_id: int | None
    state: str | None
    submitted_at: datetime | None


class CommitRow(Schema):
    """A commit of a pull request."""

    repository: str
    number: int
    sha: str
    author_login: str | None
    authored_at: datetime | None
    committed_at: datetime | None
    additions: int | None
    deletions: int | None
    message_headline: str | None


class DeploymentRow(Schema):
    """A deployment to production, whatever its outcome.

    `pull_requests` are those that it brought.
    """

    repository: str
    environment: str
    id: str
    source: str
    sha: str
    url: str
    created_at: datetime
    deployed_at: datetime | None
    is_repeat: bool
    is_rollback: bool
    is_restore: bool
    is_failed: bool
    failed_by: str | None
    recovered_at: datetime | None
    recovery_time: int | None
    pull_requests: list[int]
    state: str


class MemberRow(Schema):
    """A person or bot of the team's organisations."""

    github_id: int
    login: str
    name: str
    email: str
    role: str
    is_active: bool
    is_bot: bool


class RepositoryRow(Schema):
    """A repository."""

    github_repo_id: int
    full_name: str
    default_branch: str
    is_private: bool
    is_archived: bool
    url: str
