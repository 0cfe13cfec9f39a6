"""Deployments, releases, workflows and their runs as REST and hooks show them."""

from __future__ import annotations

from typing import Any

from ..git import find
from ..instants import optional_zulu as instant
from ..world import (
    GHOST,
    Deployment,
    DeploymentStatus,
    Release,
    Repository,
    Workflow,
    WorkflowRun,
)
from .accounts import Json, simple_user
from .repository_shapes import plain_repository

_MINIMAL = ("id", "node_id", "name", "full_name", "owner", "private", "html_url", "description")


def deployment_shape(url: str, repository: Repository, deployment: Deployment) -> Json:
    api = f"{url}/api/v3/repos/{repository.full_name}"
    own = f"{api}/deployments/{deployment.id}"
    return {
        "url": own,
        "id": deployment.id,
        "node_id": deployment.node_id,
        "sha": deployment.oid,
        "ref": deployment.ref,
        "task": "deploy",
        "payload": {},
        "original_environment": deployment.environment,
        "environment": deployment.environment,
        "description": None,
        "creator": simple_user(url, deployment.creator or GHOST),
        "created_at": instant(deployment.created_at),
        "updated_at": instant(deployment.updated_at),
        "statuses_url": f"{own}/statuses",
        "repository_url": api,
        "transient_environment": deployment.transient,
        "production_environment": deployment.production,
        "performed_via_github_app": None,
    }


def status_shape(
    url: str, repository: Repository, deployment: Deployment, status: DeploymentStatus
) -> Json:
    api = f"{url}/api/v3/repos/{repository.full_name}"
    own = f"{api}/deployments/{deployment.id}"
    return {
        "url": f"{own}/statuses/{status.id}",
        "id": status.id,
        "node_id": status.node_id,
        "state": status.state.lower(),
        "creator": simple_user(url, status.creator or GHOST),
        "description": status.description,
        "environment": status.environment,
        "target_url": "",
        "created_at": instant(status.created_at),
        "updated_at": instant(status.created_at),
        "deployment_url": own,
        "repository_url": api,
        "environment_url": "",
        "log_url": "",
        "performed_via_github_app": None,
    }


def release_shape(url: str, repository: Repository, release: Release) -> Json:
    api, page = f"{url}/api/v3/repos/{repository.full_name}", f"{url}/{repository.full_name}"
    own = f"{api}/releases/{release.id}"
    return {
        "url": own,
        "html_url": f"{page}/releases/tag/{release.tag}",
        "assets_url": f"{own}/assets",
        "upload_url": f"{url}/api/uploads/repos/{repository.full_name}/releases/{release.id}/assets"
        "{?name,label}",
        "tarball_url": f"{api}/tarball/{release.tag}",
        "zipball_url": f"{api}/zipball/{release.tag}",
        "id": release.id,
        "node_id": release.node_id,
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.name,
        "body": None,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "immutable": False,
        "created_at": instant(release.created_at),
        "updated_at": instant(release.updated_at),
        "published_at": instant(release.published_at),
        "author": simple_user(url, release.author or GHOST),
        "assets": [],
    }


def workflow_shape(url: str, repository: Repository, workflow: Workflow) -> Json:
    api, page = f"{url}/api/v3/repos/{repository.full_name}", f"{url}/{repository.full_name}"
    file = workflow.path.rpartition("/")[2]
    return {
        "id": workflow.id,
        "node_id": workflow.node_id,
        "name": workflow.name,
        "path": workflow.path,
        "state": "active",
        "created_at": instant(workflow.created_at),
        "updated_at": instant(workflow.created_at),
        "url": f"{api}/actions/workflows/{workflow.id}",
        "html_url": f"{page}/blob/{repository.default_branch}/{workflow.path}",
        "badge_url": f"{page}/workflows/{file}/badge.svg",
    }


def run_shape(url: str, repository: Repository, run: WorkflowRun) -> Json:
    api, page = f"{url}/api/v3/repos/{repository.full_name}", f"{url}/{repository.full_name}"
    own = f"{api}/actions/runs/{run.id}"
    former = f"{own}/attempts/{run.attempt - 1}" if run.attempt > 1 else None
    return {
        "id": run.id,
        "name": run.workflow.name,
        "node_id": run.node_id,
        "head_branch": run.branch,
        "head_sha": run.oid,
        "path": run.workflow.path,
        "display_title": _headline(repository, run),
        "run_number": run.number,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.workflow.id,
        "check_suite_id": run.id + 1,
        "check_suite_node_id": f"CS_{run.node_id}",
        "url": own,
        "html_url": f"{page}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": instant(run.created_at),
        "updated_at": instant(run.updated_at),
        "actor": simple_user(url, run.actor or GHOST),
        "run_attempt": run.attempt,
        "referenced_workflows": [],
        "run_started_at": instant(run.started_at),
        "triggering_actor": simple_user(url, run.actor or GHOST),
        **{f"{name}_url": f"{own}/{name}" for name in ("jobs", "logs", "artifacts", "cancel")},
        "check_suite_url": f"{api}/check-suites/{run.id + 1}",
        "rerun_url": f"{own}/rerun",
        "previous_attempt_url": former,
        "workflow_url": f"{api}/actions/workflows/{run.workflow.id}",
        "head_commit": _head_commit(repository, run),
        "repository": _minimal(url, repository),
        "head_repository": _minimal(url, repository),
    }


def _headline(repository: Repository, run: WorkflowRun) -> str:
    commit = find(repository, run.oid)
    return commit.message.partition("\n")[0] if commit else run.workflow.name


def _head_commit(repository: Repository, run: WorkflowRun) -> Json | None:
    commit = find(repository, run.oid)
    if commit is None:
        return None
    name, email = commit.author_name or "unknown", commit.author_email or "unknown@example.invalid"
    return {
        "id": commit.oid,
        "tree_id": commit.oid[::-1],
        "message": commit.message,
        "timestamp": instant(commit.committed_at),
        "author": {"name": name, "email": email},
        "committer": {
            "name": commit.committer_name or name,
            "email": commit.committer_email or email,
        },
    }


def _minimal(url: str, repository: Repository) -> Json:
    full = plain_repository(url, repository)
    return {name: full[name] for name in full if name in _MINIMAL or name.endswith("_url")} | {
        "fork": repository.fork,
        "url": full["url"],
    }


def delivered(url: str, repository: Repository, extra: dict[str, Any]) -> Json:
    """The part of a hook's payload: objects of the world as in REST, the rest unchanged."""
    shapes: Json = {}
    deployment = extra.get("deployment")
    for name, value in extra.items():
        match value:
            case Deployment():
                shapes["deployment"] = deployment_shape(url, repository, value)
            case DeploymentStatus() if isinstance(deployment, Deployment):
                shapes["deployment_status"] = status_shape(url, repository, deployment, value)
            case Release():
                shapes["release"] = release_shape(url, repository, value)
            case WorkflowRun():
                shapes["workflow_run"] = run_shape(url, repository, value)
                shapes["workflow"] = workflow_shape(url, repository, value.workflow)
            case _:
                shapes[name] = value
    if "deployment" in shapes:
        shapes |= {"workflow": None, "workflow_run": None}
    return shapes
