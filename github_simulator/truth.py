"""A repository as plain JSON: what a client should have stored in the end."""

from __future__ import annotations

from typing import Any

from .git import git_of, history
from .instants import optional_zulu, zulu
from .world import (
    Account,
    Commit,
    Deployment,
    PullRequest,
    Release,
    Repository,
    Review,
    TimelineEvent,
    WorkflowRun,
)

Json = dict[str, Any]


def truth(repository: Repository) -> Json:
    """Everything known of the repository, its pull requests by number."""
    ordered = sorted(repository.pull_requests.items())
    return {
        "id": repository.id,
        "full_name": repository.full_name,
        "archived": repository.archived,
        "private": repository.private,
        "pull_requests": [_pull_request(each) for _, each in ordered],
    }


def production(repository: Repository) -> Json:
    """What follows the merge, and the default branch's history, the newest commit first."""
    git, branch = git_of(repository), repository.default_branch
    names = history(repository, git.heads[branch]) if branch in git.heads else []
    return {
        "id": repository.id,
        "full_name": repository.full_name,
        "default_branch": branch,
        "history": [_placed(git.commits[name]) for name in names],
        "heads": dict(git.heads),
        "tags": dict(git.tags),
        "deployments": [_deployment(each) for each in repository.deployments.values()],
        "releases": [_release(each) for each in repository.releases.values()],
        "runs": [_run(each) for each in repository.runs.values()],
    }


def _placed(commit: Commit) -> Json:
    return {
        "sha": commit.oid,
        "committed_at": zulu(commit.committed_at),
        "parents": list(commit.parents),
    }


def _deployment(deployment: Deployment) -> Json:
    return {
        "id": deployment.id,
        "node_id": deployment.node_id,
        "environment": deployment.environment,
        "sha": deployment.oid,
        "ref": deployment.ref,
        "created_at": zulu(deployment.created_at),
        "updated_at": zulu(deployment.updated_at),
        "creator": _account(deployment.creator),
        "statuses": [
            {"state": each.state, "created_at": zulu(each.created_at)}
            for each in deployment.statuses
        ],
    }


def _release(release: Release) -> Json:
    return {
        "id": release.id,
        "node_id": release.node_id,
        "tag": release.tag,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "created_at": zulu(release.created_at),
        "published_at": optional_zulu(release.published_at),
    }


def _run(run: WorkflowRun) -> Json:
    return {
        "id": run.id,
        "node_id": run.node_id,
        "workflow": run.workflow.name,
        "branch": run.branch,
        "sha": run.oid,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "attempt": run.attempt,
        "created_at": zulu(run.created_at),
        "updated_at": zulu(run.updated_at),
    }


def _pull_request(pull_request: PullRequest) -> Json:
    return {
        "number": pull_request.number,
        "github_id": pull_request.id,
        "node_id": pull_request.node_id,
        "title": pull_request.title,
        "body": pull_request.body,
        "state": pull_request.state.lower(),
        "is_draft": pull_request.is_draft,
        "author": _account(pull_request.author),
        "merged_by": _account(pull_request.merged_by),
        "merge_commit": pull_request.merge_commit_oid,
        "base_branch": pull_request.base_ref,
        "head_branch": pull_request.head_ref,
        "created_at": zulu(pull_request.created_at),
        "updated_at": zulu(pull_request.updated_at),
        "closed_at": optional_zulu(pull_request.closed_at),
        "merged_at": optional_zulu(pull_request.merged_at),
        "additions": pull_request.additions,
        "deletions": pull_request.deletions,
        "changed_files": pull_request.changed_files,
        "comments": pull_request.comments,
        "labels": [label.name for label in pull_request.labels],
        "commits": [_commit(each) for each in pull_request.commits],
        "reviews": [_review(each) for each in pull_request.reviews if each.state != "PENDING"],
        "timeline": [_event(each) for each in pull_request.timeline],
    }


def _account(account: Account | None) -> Json | None:
    if account is None:
        return None
    return {"login": account.login, "id": account.id, "type": account.type}


def _commit(commit: Commit) -> Json:
    return {
        "sha": commit.oid,
        "author": _account(commit.author),
        "authored_at": zulu(commit.authored_at),
        "committed_at": zulu(commit.committed_at),
        "additions": commit.additions,
        "deletions": commit.deletions,
        "message": commit.message,
    }


def _review(review: Review) -> Json:
    return {
        "github_id": review.id,
        "author": _account(review.author),
        "state": review.state,
        "submitted_at": optional_zulu(review.submitted_at),
    }


def _event(event: TimelineEvent) -> Json:
    return {
        "type": event.type,
        "actor": _account(event.actor),
        "created_at": zulu(event.created_at),
    }
