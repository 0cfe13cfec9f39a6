"""/repos/…/issues: to GitHub a pull request is also an issue, and here there are no others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..world import PullRequest, Repository
from .accounts import Json
from .endpoint import REPOSITORY_PATHS, Call, RefusedError, endpoints, find_repository
from .pull_shapes import simple_pull_request

_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
_SAME = (
    *("id", "node_id", "number", "title", "body", "user", "labels", "state", "locked"),
    *("assignee", "assignees", "milestone", "created_at", "updated_at", "closed_at"),
    *("author_association", "active_lock_reason", "draft", "html_url", "comments_url"),
)


async def issues(call: Call) -> Any:
    """Open ones, newest first, by default; unlike pull requests, with `since`."""
    repository = find_repository(call)
    state, since = call.query("state", "open"), _since(call)
    chosen = [
        pull_request
        for pull_request in repository.pull_requests.values()
        if state == "all" or (state == "open") == (pull_request.state == "OPEN")
        if since is None or pull_request.updated_at >= since
    ]
    by_update = call.query("sort", "created") == "updated"
    chosen.sort(
        key=lambda one: (one.updated_at if by_update else one.created_at, one.number),
        reverse=call.query("direction", "desc") == "desc",
    )
    return [_issue(call, repository, pull_request) for pull_request in call.page(chosen)]


def _since(call: Call) -> datetime | None:
    text = call.query("since", "")
    try:
        # An unencoded plus arrives as a space, which GitHub tolerates.
        return datetime.fromisoformat(text.replace(" ", "+")) if text else None
    except ValueError:
        errors: list[Any] = [{"field": "since", "code": "invalid"}]
        raise RefusedError(422, "Validation Failed", errors=errors) from None


def _issue(call: Call, repository: Repository, pull_request: PullRequest) -> Json:
    own = f"{call.api}/repos/{repository.full_name}"
    url = f"{own}/issues/{pull_request.number}"
    pull = simple_pull_request(call.url, call.world, repository, pull_request)
    links = ("url", "html_url", "diff_url", "patch_url", "merged_at")
    return {
        **{name: pull[name] for name in _SAME},
        "url": url,
        "repository_url": own,
        "labels_url": f"{url}/labels{{/name}}",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "comments": pull_request.comments,
        "closed_by": None,
        "state_reason": None,
        "performed_via_github_app": None,
        "pull_request": {name: pull[name] for name in links},
        "reactions": {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)},
    }


routes = endpoints(REPOSITORY_PATHS, "/issues", issues, permission="issues=read")
