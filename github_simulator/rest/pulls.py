"""/repos/…/pulls: pull requests, their commits and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..world import PullRequest, Repository, Review
from .endpoint import NOT_FOUND, REPOSITORY_PATHS, Call, RefusedError, endpoints, find_repository
from .pull_shapes import (
    commit_shape,
    full_pull_request,
    newer_version,
    review_shape,
    simple_pull_request,
)

COMMITS_SHOWN = 250


async def pull_requests(call: Call) -> Any:
    """Open ones, newest first, by default."""
    repository = find_repository(call)
    state = call.query("state", "open")
    chosen = [p for p in repository.pull_requests.values() if _in_state(p, state)]
    chosen = [p for p in chosen if _on_branches(call, p)]
    shown = call.page(_sorted(call, chosen))
    return [
        _versioned(call, simple_pull_request(call.url, call.world, repository, p)) for p in shown
    ]


def _in_state(pull_request: PullRequest, state: str) -> bool:
    return state == "all" or (state == "open") == (pull_request.state == "OPEN")


def _on_branches(call: Call, pull_request: PullRequest) -> bool:
    owner = pull_request.head_repository_owner
    head = f"{owner.login if owner else ''}:{pull_request.head_ref}"
    return call.query("base", pull_request.base_ref) == pull_request.base_ref and (
        call.query("head", head) == head
    )


def _sorted(call: Call, chosen: list[PullRequest]) -> list[PullRequest]:
    """The default direction is descending for `created` alone."""
    key = call.query("sort", "created")
    if key not in ("created", "updated", "popularity", "long-running"):
        raise RefusedError(422, "Validation Failed", errors=[{"field": "sort", "code": "invalid"}])
    direction = call.query("direction", "desc" if key == "created" else "asc")

    def place(pull_request: PullRequest) -> tuple[datetime | int, int]:
        if key == "popularity":
            return pull_request.comments, pull_request.number
        updated = key == "updated"
        when = pull_request.updated_at if updated else pull_request.created_at
        return when, pull_request.number

    return sorted(chosen, key=place, reverse=direction == "desc")


def _versioned(call: Call, shape: Any) -> Any:
    newest = call.request.headers.get("x-github-api-version") == "2026-03-10"
    return newer_version(shape) if newest else shape


def _requested(call: Call) -> tuple[Repository, PullRequest]:
    repository = find_repository(call)
    pull_request = repository.pull_requests.get(int(call.parameter("number")))
    if pull_request is None:
        raise NOT_FOUND
    return repository, pull_request


async def pull_request(call: Call) -> Any:
    repository, found = _requested(call)
    return _versioned(call, full_pull_request(call.url, call.world, repository, found))


async def commits(call: Call) -> Any:
    repository, found = _requested(call)
    shown = found.commits[:COMMITS_SHOWN]
    return [commit_shape(call.url, repository, each) for each in call.page(shown)]


async def reviews(call: Call) -> Any:
    repository, found = _requested(call)
    shown = [review for review in found.reviews if _visible(call, review)]
    return [
        review_shape(call.url, call.world, repository, found, review) for review in call.page(shown)
    ]


def _visible(call: Call, review: Review) -> bool:
    """Only its author sees a pending review."""
    author = review.author.id if review.author else None
    return review.state != "PENDING" or author == call.access.identity


async def review_comments(call: Call) -> Any:
    """None: this world counts comments and keeps no text of them."""
    _requested(call)
    return call.page([])


async def requested_reviewers(call: Call) -> Any:
    repository, found = _requested(call)
    shape = simple_pull_request(call.url, call.world, repository, found)
    return {"users": shape["requested_reviewers"], "teams": shape["requested_teams"]}


_ONE = "/pulls/{number:int}"
routes = [
    route
    for path, handler in (
        ("/pulls", pull_requests),
        (_ONE, pull_request),
        (f"{_ONE}/commits", commits),
        (f"{_ONE}/reviews", reviews),
        (f"{_ONE}/comments", review_comments),
        (f"{_ONE}/requested_reviewers", requested_reviewers),
    )
    for route in endpoints(
        REPOSITORY_PATHS, path, handler, scopes=("repo",), permission="pull_requests=read"
    )
]
