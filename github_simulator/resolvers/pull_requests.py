"""Pull requests, their labels, commits and reviews."""

from __future__ import annotations

import zlib
from typing import Any

from ..actions import requested_reviewers
from ..connections import Connection, paginate
from ..git import git_of
from ..nodes import GitCommit, Placed, ReviewComment, ReviewRequest
from ..ordering import Ordered
from ..world import Account, Label, Repository, Review
from .commits import commit_path
from .context import Info, Resolvers, constant


def _of(name: str) -> Any:
    """An attribute of the pull request, commit, review or event itself."""
    return lambda placed, info: getattr(placed.thing, name)


def _association(placed: Placed, info: Info) -> str:
    author, world = getattr(placed.thing, "author", None), info.context.world
    if author is None:
        return "NONE"
    if author is placed.repository.owner:
        return "OWNER"
    organization = world.organizations.get(placed.repository.owner.id)
    if organization and author.id in organization.members:
        return "MEMBER"
    return "COLLABORATOR" if author.id in placed.repository.permissions else "NONE"


def path(placed: Placed, info: Info) -> str:
    return f"/{placed.repository.full_name}/pull/{placed.pull_request.number}"


def address(placed: Placed, info: Info) -> str:
    url: str = info.context.address(path(placed, info))
    return url


def _labels(placed: Placed, info: Info, **arguments: Any) -> Connection:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    by_name = order["field"] == "NAME"

    def key(label: Label) -> list[Any]:
        return [label.name if by_name else label.id]

    descending = order["direction"] == "DESC"
    ordered = Ordered.of(placed.pull_request.labels, key, descending=descending)
    return paginate(info, ordered, arguments)


def _commits(placed: Placed, info: Info, **arguments: Any) -> Connection:
    info.context.admit_reader(placed.repository, "contents")
    commits = placed.pull_request.commits
    ordered = Ordered([[place] for place in range(len(commits))], commits)
    return _placed(placed, paginate(info, ordered, arguments))


def _placed(placed: Placed, page: Connection) -> Connection:
    page.items = [Placed(placed.repository, placed.pull_request, each) for each in page.items]
    return page


def _reviews(placed: Placed, info: Info, **arguments: Any) -> Connection:
    states, login = arguments.get("states"), arguments.get("author")
    wanted = [
        review
        for review in _visible_reviews(placed, info)
        if (not states or review.state in states)
        and (not login or (review.author is not None and review.author.login == login))
    ]
    return _page_of_reviews(placed, info, wanted, arguments)


def _visible_reviews(placed: Placed, info: Info) -> list[Review]:
    """Only its author sees a pending review."""
    viewer = info.context.viewer
    return [
        review
        for review in placed.pull_request.reviews
        if review.state != "PENDING" or review.author is viewer
    ]


def _latest_reviews(placed: Placed, info: Info, **arguments: Any) -> Connection:
    latest = {_author_id(review): review for review in _visible_reviews(placed, info)}
    return _page_of_reviews(placed, info, list(latest.values()), arguments)


def _author_id(review: Review) -> int | None:
    return review.author.id if review.author else None


def _page_of_reviews(
    placed: Placed, info: Info, reviews: list[Review], arguments: dict[str, Any]
) -> Connection:
    return _placed(placed, paginate(info, Ordered.of(reviews, _review_key), arguments))


def _review_key(review: Review) -> list[Any]:
    return [(review.submitted_at or review.updated_at).timestamp(), review.id]


def _review_comments(placed: Placed, info: Info, **arguments: Any) -> Connection:
    review = placed.thing
    count = review.comments if isinstance(review, Review) else 0
    comments = [ReviewComment(placed, index) for index in range(count)]
    return paginate(info, Ordered.of(comments, lambda comment: [comment.index]), arguments)


def _comments(placed: Placed, info: Info, **arguments: Any) -> Connection:
    """Comments of the conversation: this world counts them and keeps no text."""
    pull_request = placed.pull_request
    on_lines = sum(review.comments for review in pull_request.reviews)
    count = max(0, pull_request.comments - on_lines)
    return paginate(info, Ordered([[place] for place in range(count)], range(count)), arguments)


def _review_commit(placed: Placed, info: Info) -> GitCommit | None:
    oid = getattr(placed.thing, "commit_oid", None)
    commits = placed.pull_request.commits
    found = next((commit for commit in commits if commit.oid == oid), None)
    return GitCommit(placed.repository, found) if found else None


def _decision(placed: Placed, info: Info) -> str | None:
    latest = {
        _author_id(review): review.state
        for review in placed.pull_request.reviews
        if review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
    }
    found = [state for state in ("CHANGES_REQUESTED", "APPROVED") if state in latest.values()]
    return found[0] if found else None


def _review_requests(placed: Placed, info: Info, **arguments: Any) -> Connection:
    asked = requested_reviewers(placed.pull_request)
    found = [ReviewRequest(placed, reviewer) for reviewer in asked]
    ordered = Ordered.of(found, lambda request: [request.reviewer.node_id])
    return paginate(info, ordered, arguments)


def merge_commit(placed: Placed, info: Info) -> GitCommit | None:
    oid = placed.pull_request.merge_commit_oid
    found = git_of(placed.repository).commits.get(oid) if oid else None
    return GitCommit(placed.repository, found) if found else None


def _head_repository(placed: Placed, info: Info) -> Repository | None:
    """The fork of the branch; a recorded one is known by its name alone."""
    full_name = placed.pull_request.head_repository
    if full_name is None:
        return None
    known: Repository | None = info.context.forks.get(full_name)
    if known is None:
        return _unknown_fork(placed, full_name)
    return known if info.context.can_see(known) else None


def _unknown_fork(placed: Placed, full_name: str) -> Repository:
    login, _, name = full_name.partition("/")
    number = zlib.crc32(full_name.encode()) >> 1
    owner = placed.pull_request.head_repository_owner or Account(number, f"U_{number}", login)
    return Repository(number, f"R_fork_{number}", owner, name, fork=True)


def _head_owner(placed: Placed, info: Info) -> Account | None:
    repository = _head_repository(placed, info)
    return repository.owner if repository else None


COMMENT = {
    "author": _of("author"),
    "authorAssociation": _association,
    "body": _of("body"),
    "bodyText": _of("body"),
    "fullDatabaseId": _of("id"),
    "databaseId": _of("id"),
    "id": _of("node_id"),
    "includesCreatedEdit": constant(False),
    "lastEditedAt": constant(None),
    "updatedAt": _of("updated_at"),
    "repository": lambda placed, info: placed.repository,
}

RESOLVERS: Resolvers = {
    "PullRequest": {
        **COMMENT,
        "additions": _of("additions"),
        "baseRefName": _of("base_ref"),
        "baseRefOid": _of("base_oid"),
        "baseRepository": lambda placed, info: placed.repository,
        "canBeRebased": lambda placed, info: placed.pull_request.state == "OPEN",
        "changedFiles": _of("changed_files"),
        "closed": lambda placed, info: placed.pull_request.state != "OPEN",
        "closedAt": _of("closed_at"),
        "comments": _comments,
        "commits": _commits,
        "createdAt": _of("created_at"),
        "deletions": _of("deletions"),
        "editor": constant(None),
        "headRefName": _of("head_ref"),
        "headRefOid": _of("head_oid"),
        "headRepository": _head_repository,
        "headRepositoryOwner": _head_owner,
        "isCrossRepository": lambda placed, info: (
            placed.pull_request.head_repository != placed.repository.full_name
        ),
        "isDraft": _of("is_draft"),
        "labels": _labels,
        "latestReviews": _latest_reviews,
        "locked": constant(False),
        "maintainerCanModify": constant(False),
        "mergeCommit": merge_commit,
        "mergeStateStatus": lambda placed, info: (
            "CLEAN" if placed.pull_request.state == "OPEN" else "UNKNOWN"
        ),
        "mergeable": lambda placed, info: (
            "MERGEABLE" if placed.pull_request.state == "OPEN" else "UNKNOWN"
        ),
        "merged": lambda placed, info: placed.pull_request.merged_at is not None,
        "mergedAt": _of("merged_at"),
        "mergedBy": _of("merged_by"),
        "number": _of("number"),
        "permalink": address,
        "publishedAt": _of("created_at"),
        "resourcePath": path,
        "reviewDecision": _decision,
        "reviewRequests": _review_requests,
        "reviews": _reviews,
        "state": _of("state"),
        "title": _of("title"),
        "totalCommentsCount": _of("comments"),
        "url": address,
    },
    "Label": {
        "color": lambda label, info: label.color,
        "createdAt": constant(None),
        "description": constant(None),
        "id": lambda label, info: label.node_id,
        "isDefault": constant(False),
        "name": lambda label, info: label.name,
        "resourcePath": lambda label, info: f"/labels/{label.name}",
        "updatedAt": constant(None),
        "url": lambda label, info: info.context.address(f"/labels/{label.name}"),
    },
    "PullRequestCommit": {
        "commit": lambda placed, info: GitCommit(placed.repository, placed.thing),
        "id": lambda placed, info: f"PURC_{placed.pull_request.node_id}_{placed.thing.oid}",
        "pullRequest": lambda placed, info: Placed(
            placed.repository, placed.pull_request, placed.pull_request
        ),
        "resourcePath": commit_path,
        "url": lambda placed, info: info.context.address(commit_path(placed, info)),
    },
    "PullRequestReview": {
        **COMMENT,
        "comments": _review_comments,
        "commit": _review_commit,
        "createdAt": lambda placed, info: placed.thing.submitted_at or placed.thing.updated_at,
        "publishedAt": _of("submitted_at"),
        "pullRequest": lambda placed, info: Placed(
            placed.repository, placed.pull_request, placed.pull_request
        ),
        "resourcePath": path,
        "state": _of("state"),
        "submittedAt": _of("submitted_at"),
        "url": lambda placed, info: f"{address(placed, info)}#pullrequestreview-{placed.thing.id}",
    },
    "PullRequestReviewComment": {
        "author": lambda comment, info: comment.placed.thing.author,
        "body": constant(""),
        "createdAt": lambda comment, info: comment.placed.thing.updated_at,
        "id": lambda comment, info: f"PRRC_{comment.placed.thing.node_id}_{comment.index}",
        "updatedAt": lambda comment, info: comment.placed.thing.updated_at,
    },
    "ReviewRequest": {
        "asCodeOwner": constant(False),
        "databaseId": constant(None),
        "id": lambda request, info: f"RR_{request.reviewer.node_id}",
        "pullRequest": lambda request, info: request.placed,
        "requestedReviewer": lambda request, info: request.reviewer,
    },
}
