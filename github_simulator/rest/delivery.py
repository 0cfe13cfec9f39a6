"""Deployments and releases: https://docs.github.com/rest/deployments, …/releases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..world import Deployment, Release, Repository
from .delivery_shapes import deployment_shape, release_shape, status_shape
from .endpoint import NOT_FOUND, REPOSITORY_PATHS, Call, endpoints, find_repository


async def deployments(call: Call) -> Any:
    """The newest first; each filter is an exact match."""
    repository = find_repository(call)
    found = [each for each in repository.deployments.values() if _is_asked_for(call, each)]
    shown = call.page(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))
    return [deployment_shape(call.url, repository, each) for each in shown]


def _is_asked_for(call: Call, deployment: Deployment) -> bool:
    known = {
        "sha": deployment.oid,
        "ref": deployment.ref,
        "task": "deploy",
        "environment": deployment.environment,
    }
    return all(call.query(name, "none") in ("none", value) for name, value in known.items())


def _deployment(call: Call) -> tuple[Repository, Deployment]:
    repository = find_repository(call)
    found = repository.deployments.get(int(call.parameter("deployment")))
    if found is None:
        raise NOT_FOUND
    return repository, found


async def deployment(call: Call) -> Any:
    return deployment_shape(call.url, *_deployment(call))


async def statuses(call: Call) -> Any:
    repository, found = _deployment(call)
    shown = call.page(found.statuses[::-1])
    return [status_shape(call.url, repository, found, each) for each in shown]


def _releases(call: Call) -> tuple[Repository, list[Release]]:
    """The newest first, drafts only for callers with push access."""
    repository = find_repository(call)
    may_write = call.access.may(repository, "push")
    found = [each for each in repository.releases.values() if may_write or not each.draft]
    return repository, sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)


async def releases(call: Call) -> Any:
    repository, found = _releases(call)
    return [release_shape(call.url, repository, each) for each in call.page(found)]


async def release(call: Call) -> Any:
    number = int(call.parameter("release"))
    return _one(call, lambda each: each.id == number)


async def tagged(call: Call) -> Any:
    tag = call.parameter("tag")
    return _one(call, lambda each: each.tag == tag and not each.draft)


def _one(call: Call, is_wanted: Any) -> Any:
    repository, found = _releases(call)
    for each in found:
        if is_wanted(each):
            return release_shape(call.url, repository, each)
    raise NOT_FOUND


async def latest(call: Call) -> Any:
    repository, found = _releases(call)
    published = [each for each in found if each.published_at and not each.prerelease]
    newest = max(published, key=_published, default=None)
    if newest is None:
        raise NOT_FOUND
    return release_shape(call.url, repository, newest)


def _published(release: Release) -> datetime:
    return release.published_at or release.created_at


_ONE = "/deployments/{deployment:int}"
routes = [
    route
    for path, handler, permission in (
        ("/deployments", deployments, "deployments=read"),
        (_ONE, deployment, "deployments=read"),
        (f"{_ONE}/statuses", statuses, "deployments=read"),
        ("/releases", releases, "contents=read"),
        ("/releases/latest", latest, "contents=read"),
        ("/releases/tags/{tag:path}", tagged, "contents=read"),
        ("/releases/{release:int}", release, "contents=read"),
    )
    for route in endpoints(
        REPOSITORY_PATHS,
        path,
        handler,
        scopes=("repo", "repo_deployment") if "deployments" in permission else ("repo",),
        permission=permission,
    )
]
