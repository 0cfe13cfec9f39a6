"""Deployments, their statuses, and releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..connections import Connection, paginate
from ..delivery.deployments import state_of
from ..nodes import Delivered, GitCommit
from ..ordering import Ordered
from ..world import GHOST, Account, Deployment, Release, Repository
from .commits import Branch, commit_of, ref
from .context import Info, Resolver, Resolvers, constant


def _of(name: str) -> Any:
    return lambda delivered, info: getattr(delivered.thing, name)


def _deployments(repository: Repository, info: Info, **arguments: Any) -> Connection:
    info.context.admit_reader(repository, "deployments")
    environments = arguments.get("environments")
    wanted = [
        Delivered(repository, each)
        for each in repository.deployments.values()
        if not environments or each.environment in environments
    ]
    return _by_creation(info, wanted, arguments)


def _by_creation(info: Info, found: list[Delivered], arguments: dict[str, Any]) -> Connection:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    by_name = order["field"] == "NAME"

    def key(each: Delivered) -> list[Any]:
        thing: Any = each.thing
        return [thing.name if by_name else thing.created_at.timestamp(), thing.id]

    ordered = Ordered.of(found, key, descending=order["direction"] == "DESC")
    return paginate(info, ordered, arguments)


def _statuses(delivered: Delivered, info: Info, **arguments: Any) -> Connection:
    """The newest first: GitHub promises no order."""
    deployment = delivered.thing
    statuses = deployment.statuses if isinstance(deployment, Deployment) else []
    found = [Delivered(delivered.repository, each, deployment) for each in statuses]  # type: ignore[arg-type]
    ordered = Ordered.of(found, lambda each: [each.thing.id], descending=True)
    return paginate(info, ordered, arguments)


def _latest(delivered: Delivered, info: Info) -> Delivered | None:
    deployment = delivered.thing
    statuses = deployment.statuses if isinstance(deployment, Deployment) else []
    found = [Delivered(delivered.repository, each, deployment) for each in statuses]  # type: ignore[arg-type]
    return found[-1] if found else None


def _creator(delivered: Delivered, info: Info) -> Account:
    creator: Account | None = getattr(delivered.thing, "creator", None)
    return creator or GHOST


def _ref(delivered: Delivered, info: Info) -> Branch | None:
    """Null if what was deployed was no branch or tag, or is gone."""
    return ref(delivered.repository, getattr(delivered.thing, "ref", ""))


def _releases(repository: Repository, info: Info, **arguments: Any) -> Connection:
    info.context.admit_reader(repository, "contents")
    may_write = info.context.may_write(repository)
    wanted = [
        Delivered(repository, each)
        for each in repository.releases.values()
        if may_write or not each.draft
    ]
    return _by_creation(info, wanted, arguments)


def _author(delivered: Delivered, info: Info) -> Account | None:
    author = getattr(delivered.thing, "author", None)
    return author if author and author.type == "User" else None


def _tag(delivered: Delivered, info: Info) -> Branch | None:
    return ref(delivered.repository, f"refs/tags/{_name(delivered)}")


def _name(delivered: Delivered) -> str:
    return delivered.thing.tag if isinstance(delivered.thing, Release) else ""


def _tag_commit(delivered: Delivered, info: Info) -> GitCommit | None:
    """Where the tag is now."""
    oid = delivered.repository.git.tags.get(_name(delivered))
    found = delivered.repository.git.commits.get(oid) if oid else None
    return GitCommit(delivered.repository, found) if found else None


def _is_latest(delivered: Delivered, info: Info) -> bool:
    published = [
        each
        for each in delivered.repository.releases.values()
        if each.published_at and not each.prerelease and not each.draft
    ]
    newest = max(published, key=_published, default=None)
    return newest is delivered.thing


def _published(release: Release) -> datetime:
    return release.published_at or release.created_at


def _page(delivered: Delivered, info: Info) -> str:
    return f"/{delivered.repository.full_name}/releases/tag/{_name(delivered)}"


REPOSITORY: Mapping[str, Resolver] = {"deployments": _deployments, "releases": _releases}

RESOLVERS: Resolvers = {
    "Deployment": {
        "commit": commit_of("oid"),
        "commitOid": _of("oid"),
        "createdAt": _of("created_at"),
        "creator": _creator,
        "databaseId": _of("id"),
        "description": constant(None),
        "environment": _of("environment"),
        "id": _of("node_id"),
        "latestEnvironment": _of("environment"),
        "latestStatus": _latest,
        "originalEnvironment": _of("environment"),
        "payload": constant(None),
        "ref": _ref,
        "repository": lambda delivered, info: delivered.repository,
        "state": lambda delivered, info: state_of(delivered.thing),
        "statuses": _statuses,
        "task": constant("deploy"),
        "updatedAt": _of("updated_at"),
    },
    "DeploymentStatus": {
        "createdAt": _of("created_at"),
        "creator": _creator,
        "deployment": lambda delivered, info: Delivered(delivered.repository, delivered.deployment),
        "description": _of("description"),
        "environment": _of("environment"),
        "environmentUrl": constant(None),
        "id": _of("node_id"),
        "logUrl": constant(None),
        "state": _of("state"),
        "updatedAt": _of("created_at"),
    },
    "Release": {
        "author": _author,
        "createdAt": _of("created_at"),
        "databaseId": _of("id"),
        "description": constant(None),
        "id": _of("node_id"),
        "isDraft": _of("draft"),
        "isLatest": _is_latest,
        "isPrerelease": _of("prerelease"),
        "name": _of("name"),
        "publishedAt": _of("published_at"),
        "repository": lambda delivered, info: delivered.repository,
        "resourcePath": _page,
        "tag": _tag,
        "tagCommit": _tag_commit,
        "tagName": _of("tag"),
        "updatedAt": _of("updated_at"),
        "url": lambda delivered, info: info.context.address(_page(delivered, info)),
    },
}
