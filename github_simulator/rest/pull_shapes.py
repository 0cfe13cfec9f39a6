"""Pull requests, reviews, commits and labels as REST and webhooks show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..actions import requested_reviewers
from ..git import find
from ..instants import optional_zulu as instant
from ..nodes import commit_id
from ..world import GHOST, Account, Commit, Label, PullRequest, Repository, Review, Team, World
from .accounts import Json, login, optional_user, simple_user, team_anywhere
from .repository_shapes import plain_repository

_LINKS = {
    "self": "url",
    "html": "html_url",
    "issue": "issue_url",
    "comments": "comments_url",
    "review_comments": "review_comments_url",
    "review_comment": "review_comment_url",
    "commits": "commits_url",
    "statuses": "statuses_url",
}


def association(world: World, repository: Repository, author: Account | None) -> str:
    """An account's relation to a repository, in GitHub's words."""
    if author is None:
        return "NONE"
    if author is repository.owner:
        return "OWNER"
    organization = world.organizations.get(repository.owner.id)
    if organization and author.id in organization.members:
        return "MEMBER"
    return "COLLABORATOR" if author.id in repository.permissions else "CONTRIBUTOR"


def label(url: str, repository: Repository, one: Label) -> Json:
    return {
        "id": one.id,
        "node_id": one.node_id,
        "url": f"{url}/api/v3/repos/{repository.full_name}/labels/{one.name.replace(' ', '%20')}",
        "name": one.name,
        "color": one.color,
        "default": one.name in ("bug", "documentation", "enhancement"),
        "description": None,
        "archived_at": None,
        "archived_by": None,
    }


def _addresses(url: str, repository: Repository, pull_request: PullRequest) -> Json:
    own = f"{url}/api/v3/repos/{repository.full_name}"
    pull = f"{own}/pulls/{pull_request.number}"
    page = f"{url}/{repository.full_name}/pull/{pull_request.number}"
    return {
        "url": pull,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": f"{own}/issues/{pull_request.number}",
        "commits_url": f"{pull}/commits",
        "review_comments_url": f"{pull}/comments",
        "review_comment_url": f"{own}/pulls/comments{{/number}}",
        "comments_url": f"{own}/issues/{pull_request.number}/comments",
        "statuses_url": f"{own}/statuses/{pull_request.head_oid}",
    }


def simple_pull_request(
    url: str, world: World, repository: Repository, pull_request: PullRequest
) -> Json:
    """A pull request as in lists and in a review's payload: without counts."""
    addresses = _addresses(url, repository, pull_request)
    asked = requested_reviewers(pull_request)
    return {
        **addresses,
        "id": pull_request.id,
        "node_id": pull_request.node_id,
        "number": pull_request.number,
        "state": "open" if pull_request.state == "OPEN" else "closed",
        "locked": False,
        "title": pull_request.title,
        "user": simple_user(url, pull_request.author or GHOST),
        "body": pull_request.body or None,
        "created_at": instant(pull_request.created_at),
        "updated_at": instant(pull_request.updated_at),
        "closed_at": instant(pull_request.closed_at),
        "merged_at": instant(pull_request.merged_at),
        "merge_commit_sha": pull_request.merge_commit_oid,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [simple_user(url, a) for a in asked if isinstance(a, Account)],
        "requested_teams": [team_anywhere(url, world, t) for t in asked if isinstance(t, Team)],
        "labels": [label(url, repository, one) for one in pull_request.labels],
        "milestone": None,
        "draft": pull_request.is_draft,
        "head": _head(url, world, pull_request),
        "base": _base(url, repository, pull_request),
        "_links": {name: {"href": addresses[key]} for name, key in _LINKS.items()},
        "author_association": association(world, repository, pull_request.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def _head(url: str, world: World, pull_request: PullRequest) -> Json:
    owner, full_name = pull_request.head_repository_owner, pull_request.head_repository
    found = world.repository(full_name) if full_name else None
    return {
        "label": f"{owner.login if owner else 'unknown repository'}:{pull_request.head_ref}",
        "ref": pull_request.head_ref,
        "sha": pull_request.head_oid,
        "user": optional_user(url, owner),
        "repo": plain_repository(url, found) if found else None,
    }


def _base(url: str, repository: Repository, pull_request: PullRequest) -> Json:
    return {
        "label": f"{repository.owner.login}:{pull_request.base_ref}",
        "ref": pull_request.base_ref,
        "sha": pull_request.base_oid,
        "user": simple_user(url, repository.owner),
        "repo": plain_repository(url, repository),
    }


def full_pull_request(
    url: str, world: World, repository: Repository, pull_request: PullRequest
) -> Json:
    """A pull request with its counts."""
    on_lines = sum(review.comments for review in pull_request.reviews)
    is_open = pull_request.state == "OPEN"
    return {
        **simple_pull_request(url, world, repository, pull_request),
        "merged": pull_request.state == "MERGED",
        "mergeable": True if is_open else None,
        "rebaseable": True if is_open else None,
        "mergeable_state": "clean" if is_open else "unknown",
        "merged_by": _merger(url, pull_request),
        "comments": max(0, pull_request.comments - on_lines),
        "review_comments": min(on_lines, pull_request.comments),
        "maintainer_can_modify": False,
        "commits": len(pull_request.commits),
        "additions": pull_request.additions,
        "deletions": pull_request.deletions,
        "changed_files": pull_request.changed_files,
    }


def _merger(url: str, pull_request: PullRequest) -> Json | None:
    if pull_request.state != "MERGED":
        return None
    return simple_user(url, pull_request.merged_by or GHOST)


def review_shape(
    url: str, world: World, repository: Repository, pull_request: PullRequest, review: Review
) -> Json:
    """A review in REST; unlike a pull request's, its deleted author is null."""
    addresses = _addresses(url, repository, pull_request)
    page = f"{addresses['html_url']}#pullrequestreview-{review.id}"
    shape = {
        "id": review.id,
        "node_id": review.node_id,
        "user": optional_user(url, review.author),
        "body": review.body,
        "state": review.state,
        "html_url": page,
        "pull_request_url": addresses["url"],
        "author_association": association(world, repository, review.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": addresses["url"]}},
        "commit_id": review.commit_oid,
    }
    if review.submitted_at:
        shape["submitted_at"] = instant(review.submitted_at)
    return shape


def commit_shape(url: str, repository: Repository, commit: Commit) -> Json:
    own = f"{url}/api/v3/repos/{repository.full_name}"
    page = f"{url}/{repository.full_name}/commit"
    known = find(repository, commit.oid) or commit
    return {
        "sha": commit.oid,
        "node_id": commit_id(repository, commit.oid),
        "url": f"{own}/commits/{commit.oid}",
        "html_url": f"{page}/{commit.oid}",
        "comments_url": f"{own}/commits/{commit.oid}/comments",
        "commit": _git_commit(own, commit),
        "author": optional_user(url, commit.author),
        "committer": optional_user(url, commit.committer),
        "parents": [
            {"sha": parent, "url": f"{own}/commits/{parent}", "html_url": f"{page}/{parent}"}
            for parent in known.parents
        ],
    }


def _git_commit(own: str, commit: Commit) -> Json:
    verification: Json = {"verified": False, "reason": "unsigned"}
    verification |= {"signature": None, "payload": None, "verified_at": None}
    return {
        "author": _signature(commit, commit.authored_at),
        "committer": _signature(commit, commit.committed_at)
        | ({"name": commit.committer_name} if commit.committer_name else {})
        | ({"email": commit.committer_email} if commit.committer_email else {}),
        "message": commit.message,
        "tree": {"sha": commit.oid[::-1], "url": f"{own}/git/trees/{commit.oid[::-1]}"},
        "url": f"{own}/git/commits/{commit.oid}",
        "comment_count": 0,
        "verification": verification,
    }


def _signature(commit: Commit, moment: datetime) -> Json:
    name = commit.author_name or (login(commit.author) if commit.author else "unknown")
    email = commit.author_email or f"{name}@users.noreply.example"
    return {"name": name, "email": email, "date": instant(moment)}


def newer_version(shape: Any) -> Any:
    """What API version 2026-03-10 keeps of a pull request."""
    dropped = ("merge_commit_sha", "assignee")
    return {key: value for key, value in shape.items() if key not in dropped}
