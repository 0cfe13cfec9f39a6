"""Pull requests that broke importers: many reviews, many commits, deleted people."""

from __future__ import annotations

from datetime import timedelta

from . import actions
from .actions import Deed, Draft
from .cast import Cast
from .git import new_oid
from .lifecycle import Setting, rewritten
from .world import Account, Commit, PullRequest, Repository

MANY_REVIEWS = 124
MANY_COMMITS = 300


def add(setting: Setting, cast: Cast, repository: Repository) -> None:
    """Adds one oddity of each kind to the repository."""
    _debated(setting, cast, repository)
    _long(setting, cast, repository)
    _pending(setting, cast, repository)
    _strange_text(setting, cast, repository)
    _backport(setting, cast, repository)


def forget(pull_request: PullRequest, account: Account) -> None:
    """The account was deleted: nothing of this pull request names it any more."""
    pull_request.author = None if pull_request.author is account else pull_request.author
    pull_request.merged_by = None if pull_request.merged_by is account else pull_request.merged_by
    if pull_request.head_repository_owner is account:
        pull_request.head_repository = pull_request.head_repository_owner = None
    for review in pull_request.reviews:
        review.author = None if review.author is account else review.author
    for commit in pull_request.commits:
        commit.author = None if commit.author is account else commit.author
        commit.committer = None if commit.committer is account else commit.committer
    for event in pull_request.timeline:
        event.actor = None if event.actor is account else event.actor
        if event.requested_reviewer is account:
            event.requested_reviewer = None


def _commit(setting: Setting, repository: Repository, author: Account, index: int) -> Commit:
    instant = setting.now - timedelta(days=40) + timedelta(minutes=23 * index)
    return Commit(
        oid=new_oid(repository.id, "oddity", index, author.id),
        authored_at=instant,
        committed_at=instant,
        message=f"Step {index + 1} of the move",
        additions=12,
        deletions=7,
        changed_files=2,
        author_name=author.name,
        author_email=f"{author.login}@mail.example",
        author=author,
        committer=author,
    )


def _debated(setting: Setting, cast: Cast, repository: Repository) -> None:
    author, others = cast.people[1], cast.people[2:8] or cast.people[:1]
    at = setting.now - timedelta(days=30)
    draft = Draft(
        "Decide how invoices are numbered",
        "bob/invoice-numbers",
        [_commit(setting, repository, author, 0)],
    )
    pull_request, _ = actions.open_pull_request(Deed(setting.world, repository, author, at), draft)
    for index in range(MANY_REVIEWS):
        at += timedelta(minutes=83)
        deed = Deed(setting.world, repository, others[index % len(others)], at)
        last = index == MANY_REVIEWS - 1
        actions.submit_review(deed, pull_request, "APPROVED" if last else "COMMENTED", "", 1)
    merge = Deed(setting.world, repository, author, at + timedelta(hours=2))
    actions.merge(merge, pull_request)


def _long(setting: Setting, cast: Cast, repository: Repository) -> None:
    author, reviewer = cast.people[0], cast.people[1]
    commits = [_commit(setting, repository, author, index) for index in range(MANY_COMMITS)]
    at = commits[-1].committed_at + timedelta(hours=1)
    # A cherry-pick from years ago comes along with it.
    commits[0] = rewritten(commits[0], commits[0].committed_at)
    commits[0].authored_at -= timedelta(days=900)
    draft = Draft("Move to the new ledger", "alice/new-ledger", commits)
    pull_request, _ = actions.open_pull_request(Deed(setting.world, repository, author, at), draft)
    deed = Deed(setting.world, repository, reviewer, at + timedelta(days=2))
    actions.submit_review(deed, pull_request, "APPROVED", "Read it all.")
    merge = Deed(setting.world, repository, author, at + timedelta(days=2, hours=1))
    actions.merge(merge, pull_request)


def _pending(setting: Setting, cast: Cast, repository: Repository) -> None:
    """The owner has begun a review and not submitted it: only they see it."""
    for pull_request in reversed(repository.pull_requests.values()):
        if pull_request.state == "OPEN" and pull_request.author is not cast.people[0]:
            deed = Deed(setting.world, repository, cast.people[0], setting.now)
            before = pull_request.updated_at
            actions.submit_review(deed, pull_request, "PENDING", "Not sure yet")
            pull_request.updated_at = before
            return


def _strange_text(setting: Setting, cast: Cast, repository: Repository) -> None:
    """A NUL byte in the texts, and a commit dated a year ahead by a wrong clock."""
    author, at = cast.people[1], setting.now - timedelta(days=3)
    commit = _commit(setting, repository, author, 999)
    commit.authored_at = commit.committed_at = setting.now + timedelta(days=365)
    draft = Draft("Bytes \x00 in the export", "bob/bytes", [commit], body="From \x00 to \x00")
    actions.open_pull_request(Deed(setting.world, repository, author, at), draft)


def _backport(setting: Setting, cast: Cast, repository: Repository) -> None:
    """The commits of a merged pull request again, against a release branch."""
    merged = [p for p in repository.pull_requests.values() if p.merged_at and len(p.commits) > 1]
    if not merged:
        return
    origin = merged[-1]
    draft = Draft(
        f"Backport: {origin.title}",
        f"backport-{origin.number}",
        list(origin.commits),
        base_ref="release/2.4",
    )
    deed = Deed(setting.world, repository, cast.people[0], setting.now - timedelta(hours=5))
    actions.open_pull_request(deed, draft)
