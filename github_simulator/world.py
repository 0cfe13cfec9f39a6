"""The world that the simulator serves: plain objects in memory, keyed as GitHub keys them.

Everything that GitHub would send is derived from these objects; nothing else holds state about
accounts, repositories and pull requests. Timestamps are aware datetimes; where git keeps an offset
(commit dates) the offset is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .changes import CHANGES

AccountType = Literal["User", "Bot", "Mannequin", "Organization"]
ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
PullRequestState = Literal["OPEN", "CLOSED", "MERGED"]
MergeMethod = Literal["merge", "squash", "rebase"]
StatusState = Literal[
    "ERROR", "FAILURE", "INACTIVE", "IN_PROGRESS", "PENDING", "QUEUED", "SUCCESS", "WAITING"
]


@dataclass(eq=False)
class Account:
    """A user, bot, mannequin or organisation. `login` is as GraphQL gives it (no `[bot]`)."""

    id: int
    node_id: str
    login: str
    type: AccountType = "User"
    name: str | None = None
    email: str | None = None
    email_verified: bool = True
    emails: tuple[str, ...] = ()  # other addresses that GitHub knows for this account

    def knows(self, email: str) -> bool:
        """Whether commits with this address, in lower case, belong to it."""
        return email in (each.casefold() for each in (self.email or "", *self.emails))


GHOST = Account(10137, "MDQ6VXNlcjEwMTM3", "ghost", name="Deleted user")


@dataclass(eq=False)
class Organization:
    """An organisation: its account, its members (login's account and role), its teams."""

    account: Account
    members: dict[int, Literal["admin", "member"]] = field(default_factory=dict)  # account id
    concealed: set[int] = field(default_factory=set)
    teams: list[Team] = field(default_factory=list)
    restricts_oauth_apps: bool = False
    approved_apps: set[str] = field(default_factory=set)  # client ids
    saml_url: str | None = None
    sso_tokens: set[str] = field(default_factory=set)  # tokens authorised by single sign-on
    hooks: dict[int, Hook] = field(default_factory=dict)


@dataclass(eq=False)
class Team:
    id: int
    node_id: str
    slug: str
    name: str
    members: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Label:
    id: int
    node_id: str
    name: str
    color: str = "ededed"


@dataclass(eq=False)
class Commit:
    oid: str
    authored_at: datetime
    committed_at: datetime
    message: str
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    author_name: str | None = None
    author_email: str | None = None
    author: Account | None = None
    committer: Account | None = None
    committer_name: str | None = None  # by default the author's
    committer_email: str | None = None
    parents: tuple[str, ...] = ()  # none until the history is first needed


@dataclass(eq=False)
class Git:
    """A repository's commits by SHA, and its branches and tags."""

    commits: dict[str, Commit] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Review:
    id: int
    node_id: str
    author: Account | None
    state: ReviewState
    submitted_at: datetime | None
    updated_at: datetime
    body: str = ""
    comments: int = 0
    commit_oid: str | None = None


@dataclass(eq=False)
class TimelineEvent:
    """`type` is GraphQL's type name, such as `ReadyForReviewEvent`."""

    node_id: str
    type: str
    actor: Account | None
    created_at: datetime
    requested_reviewer: Account | Team | None = None
    review: Review | None = None
    previous_review_state: ReviewState | None = None
    reason: str | None = None  # why it left the merge queue, or why auto-merge ended
    base_refs: tuple[str, str] | None = None  # the base branch before and after
    deployment: Deployment | None = None


@dataclass(eq=False)
class PullRequest:
    id: int
    node_id: str
    number: int
    title: str
    body: str
    author: Account | None
    created_at: datetime
    updated_at: datetime
    base_ref: str
    head_ref: str
    head_oid: str
    base_oid: str
    head_repository: str | None  # full name; None once the fork was deleted
    head_repository_owner: Account | None = None
    state: PullRequestState = "OPEN"
    is_draft: bool = False
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit_oid: str | None = None
    merge_method: MergeMethod = "merge"
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    comments: int = 0  # conversation and review comments together, GraphQL's totalCommentsCount
    labels: list[Label] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    timeline: list[TimelineEvent] = field(default_factory=list)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "updated_at":
            CHANGES.count += 1


@dataclass(eq=False)
class DeploymentStatus:
    id: int
    node_id: str
    state: StatusState
    creator: Account | None
    created_at: datetime
    environment: str
    description: str = ""


@dataclass(eq=False)
class Deployment:
    id: int
    node_id: str
    environment: str
    oid: str
    ref: str  # the requested branch, tag or SHA
    creator: Account | None
    created_at: datetime
    updated_at: datetime
    production: bool = False  # only in REST
    transient: bool = False
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass(eq=False)
class Release:
    """`created_at` is the date of its tag's commit; a draft's tag need not exist."""

    id: int
    node_id: str
    tag: str
    target: str
    name: str
    author: Account | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
    draft: bool = False
    prerelease: bool = False


@dataclass(eq=False)
class Workflow:
    id: int
    node_id: str
    name: str
    path: str
    created_at: datetime


@dataclass(eq=False)
class WorkflowRun:
    """One run, in the state of its last attempt."""

    id: int
    node_id: str
    workflow: Workflow
    number: int
    branch: str
    oid: str
    event: str
    actor: Account | None
    created_at: datetime
    started_at: datetime
    updated_at: datetime
    status: str = "queued"  # then in_progress, then completed
    conclusion: str | None = None
    attempt: int = 1


@dataclass(eq=False)
class Hook:
    id: int
    url: str
    secret: str
    events: list[str]
    active: bool = True
    content_type: str = "json"
    insecure_ssl: str = "0"
    creator: int | None = None  # account id
    app: str | None = None  # client id of the OAuth app that made it
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(eq=False)
class Repository:
    id: int
    node_id: str
    owner: Account
    name: str
    default_branch: str = "main"
    private: bool = False
    archived: bool = False
    fork: bool = False
    description: str | None = None
    created_at: datetime | None = None
    pushed_at: datetime | None = None
    updated_at: datetime | None = None
    former_names: list[str] = field(default_factory=list)  # full names that redirect here
    permissions: dict[int, str] = field(default_factory=dict)  # account id: pull, push or admin
    pull_requests: dict[int, PullRequest] = field(default_factory=dict)  # by number
    git: Git = field(default_factory=Git)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    releases: dict[int, Release] = field(default_factory=dict)
    workflows: dict[int, Workflow] = field(default_factory=dict)
    runs: dict[int, WorkflowRun] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)  # numbers that lists do not have yet
    hooks: dict[int, Hook] = field(default_factory=dict)
    unavailable: int | None = None  # the status returned instead: 403, 410 or 451

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"


@dataclass(eq=False)
class OAuthApp:
    """`callback_urls` must match exactly, as GitHub has it for apps made since August 2026."""

    client_id: str
    client_secret: str
    name: str
    callback_urls: list[str]
    expiring_tokens: bool = False
    suspended: bool = False
    github_app: int | None = None  # the GitHub App for whose users it asks


@dataclass(eq=False)
class GitHubApp:
    """A GitHub App. Its private key is its owner's: here is only the public one, in PEM."""

    id: int
    node_id: str
    slug: str
    client_id: str
    name: str
    owner: Account
    bot: Account
    permissions: dict[str, str] = field(default_factory=dict)  # such as members: read
    events: list[str] = field(default_factory=list)
    public_key: str = ""
    url: str = ""
    description: str | None = None
    public: bool = False
    setup_url: str = ""
    asks_users: bool = False  # request_oauth_on_install
    hook: Hook | None = None
    created_at: datetime | None = None


@dataclass(eq=False)
class Installation:
    """A GitHub App on an account: what it may do there, and for which repositories."""

    id: int
    app: GitHubApp
    account: Account
    permissions: dict[str, str]
    events: list[str] = field(default_factory=list)
    repositories: set[int] | None = None  # None: all of them
    created_at: datetime | None = None
    updated_at: datetime | None = None
    suspended_at: datetime | None = None
    suspended_by: Account | None = None

    def reaches(self, repository: Repository) -> bool:
        """Whether it was chosen for this repository."""
        chosen = self.repositories is None or repository.id in self.repositories
        return repository.owner is self.account and chosen


@dataclass(eq=False)
class Token:
    """An access token: whose, with which scopes, made by which app (None: personal).

    That of a GitHub App's installation, such as GitHub Actions gives to a workflow, acts as the
    app's bot.
    """

    value: str
    account: Account
    scopes: list[str]
    client_id: str | None = None
    organizations: set[int] | None = None  # a fine-grained token sees these accounts only
    installation: Installation | None = None
    permissions: dict[str, str] = field(default_factory=dict)  # of an installation's token
    expires_at: datetime | None = None
    refresh_token: str | None = None
    refresh_expires_at: datetime | None = None
    revoked: bool = False

    @property
    def counted_as(self) -> int:
        """Under which number rate limits count it: each installation has its own, below zero."""
        return self.account.id if self.installation is None else -self.installation.id


@dataclass
class World:
    """All that there is. Lookups that need speed are kept here and nowhere else."""

    accounts: dict[int, Account] = field(default_factory=dict)
    organizations: dict[int, Organization] = field(default_factory=dict)  # by account id
    repositories: dict[int, Repository] = field(default_factory=dict)
    oauth_apps: dict[str, OAuthApp] = field(default_factory=dict)
    apps: dict[int, GitHubApp] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    last_installation: int = 90_000_000  # numbers are given once
    last_repository: int = 0
    used_ids: set[int] = field(default_factory=set)  # by whatever was made since the start

    def account(self, login: str) -> Account | None:
        """The account of this login, in any case; None where there is none."""
        wanted = login.casefold()
        return next((a for a in self.accounts.values() if a.login.casefold() == wanted), None)

    def repository(self, full_name: str) -> Repository | None:
        """The repository of this name, or the one that had it before a rename."""
        wanted = full_name.casefold()
        every = self.repositories.values()
        named = (each for each in every if each.full_name.casefold() == wanted)
        former = (each for each in every if wanted in (n.casefold() for n in each.former_names))
        return next(named, None) or next(former, None)
