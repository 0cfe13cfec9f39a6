"""Fetches workflows and their runs, which only REST offers.

https://docs.github.com/en/rest/actions/workflow-runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from apps.integrations.github import links
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import NotFoundError, ScopeMissingError
from apps.integrations.github.production_records import NotGrantedError, ReportedDeployment
from apps.integrations.github.reading import of_rest

MOST_LISTED = 1000
"""GitHub cuts a filtered list of runs there."""


class Workflow(msgspec.Struct, frozen=True):
    """A workflow of GitHub Actions."""

    id: int
    name: str = ""
    path: str = ""
    created_at: datetime | None = None


class _Workflows(msgspec.Struct, frozen=True):
    workflows: list[Workflow] = []


class _Run(msgspec.Struct, frozen=True):
    id: int
    head_sha: str
    node_id: str = ""
    head_branch: str | None = None
    event: str = ""
    status: str | None = None
    conclusion: str | None = None
    run_number: int | None = None
    html_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class _Runs(msgspec.Struct, frozen=True):
    total_count: int = 0
    workflow_runs: list[_Run] = []


@dataclass(frozen=True)
class Runs:
    """Successful runs in a range of time; `total` also counts those beyond the list's end."""

    items: list[ReportedDeployment]
    total: int
    next: str = ""
    etag: str = ""
    is_unchanged: bool = False


def workflows(github: GitHub, full_name: str) -> list[Workflow]:
    """All workflows of a repository. Raises NotGrantedError."""
    found: list[Workflow] = []
    url = f"/repos/{full_name}/actions/workflows"
    params: dict[str, Any] = {"per_page": 100}
    while url:
        data, url = _granted(github, url, **params)
        found += of_rest(data, _Workflows).workflows
        params = {}
    return found


def runs(
    github: GitHub, full_name: str, workflow: int, branch: str, created: str = "", etag: str = ""
) -> Runs:
    """The newest hundred successful runs on a branch; `created` is a range such as `A..B`.

    Raises NotFoundError if the workflow does not exist any more.
    """
    params: dict[str, Any] = {"branch": branch, "status": "success", "per_page": 100}
    params |= {"created": created} if created else {}
    path = f"/repos/{full_name}/actions/workflows/{workflow}/runs"
    try:
        reply = github.get_page(path, etag=etag, **params)
    except ScopeMissingError:
        raise NotGrantedError("actions") from None
    if reply.is_unchanged:
        return Runs([], 0, etag=etag, is_unchanged=True)
    return replace(_runs(reply.data), next=links.next_of(reply.headers), etag=reply.etag)


def more_runs(github: GitHub, url: str) -> Runs:
    """The page of runs at a URL that GitHub sent."""
    data, following = _granted(github, url)
    return replace(_runs(data), next=following)


def _runs(data: Any) -> Runs:
    found = of_rest(data, _Runs)
    return Runs([one for each in found.workflow_runs if (one := _run(each))], found.total_count)


def _run(found: _Run) -> ReportedDeployment | None:
    if found.conclusion != "success" or not (found.created_at and found.updated_at):
        return None
    if found.event.startswith("pull_request"):
        return None  # A fork's branch, which may have the default branch's name.
    return ReportedDeployment(
        id=found.node_id or str(found.id),
        sha=found.head_sha,
        requested_at=found.created_at,
        deployed_at=found.updated_at,
        state="success",
        name=f"#{found.run_number}" if found.run_number else "",
        url=found.html_url or "",
    )


def _granted(github: GitHub, url: str, **params: Any) -> tuple[Any, str]:
    try:
        return github.page(url, **params)
    except (ScopeMissingError, NotFoundError):
        raise NotGrantedError("actions") from None
