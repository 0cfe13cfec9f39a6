"""Repositories, and the lists of them and in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .. import access
from ..connections import Connection, paginate
from ..faults import Fault
from ..git import is_empty
from ..nodes import Placed
from ..ordering import Key, Ordered, listed, newest_last
from ..refusals import TOO_HEAVY, GitHubError
from ..world import Account, PullRequest, Repository
from . import commits, delivery
from .context import Info, Resolvers, constant

EPOCH = datetime(2008, 1, 1, tzinfo=UTC)

ORDERS: dict[str, Callable[[Repository], Any]] = {
    "CREATED_AT": lambda repository: (repository.created_at or EPOCH).timestamp(),
    "NAME": lambda repository: repository.name,
    "PUSHED_AT": lambda repository: (repository.pushed_at or EPOCH).timestamp(),
    "STARGAZERS": lambda repository: 0,
    "UPDATED_AT": lambda repository: (repository.updated_at or EPOCH).timestamp(),
}

FILTERS = ("states", "labels", "baseRefName", "headRefName")
PULL_REQUEST_ORDERS: dict[str, Callable[[PullRequest], Any]] = {
    "COMMENTS": lambda pull_request: pull_request.comments,
    "CREATED_AT": lambda pull_request: pull_request.created_at.timestamp(),
    "UPDATED_AT": lambda pull_request: pull_request.updated_at.timestamp(),
}


def of_owner(account: Account, info: Info, **arguments: Any) -> Connection:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    field = ORDERS[order["field"]]

    def key(repository: Repository) -> Key:
        return [field(repository), repository.id]

    wanted = (each for each in _owned(account, info, arguments) if _matches(each, arguments))
    ordered = Ordered.of(wanted, key, descending=order["direction"] == "DESC")
    return paginate(info, ordered, arguments)


def _owned(account: Account, info: Info, arguments: dict[str, Any]) -> Iterator[Repository]:
    """The account's own repositories, and those that its affiliations add."""
    affiliations = arguments.get("ownerAffiliations") or ["OWNER"]
    for repository in info.context.world.repositories.values():
        if not (info.context.can_see(repository) and info.context.is_open(repository.owner)):
            continue
        own = repository.owner is account and "OWNER" in affiliations
        shared = account.id in repository.permissions and "COLLABORATOR" in affiliations
        in_organization = "ORGANIZATION_MEMBER" in affiliations and access.is_member(
            info.context.world, repository, account
        )
        if own or (account.type == "User" and (shared or in_organization)):
            yield repository


def _matches(repository: Repository, arguments: dict[str, Any]) -> bool:
    asked = {
        "isArchived": repository.archived,
        "isFork": repository.fork,
        "privacy": _visibility(repository),
        "visibility": _visibility(repository),
        "isLocked": False,
    }
    return all(arguments.get(name) in (None, value) for name, value in asked.items())


def one_of_owner(
    account: Account,
    info: Info,
    name: str,
    followRenames: bool = True,  # noqa: N803  (GraphQL's name)
) -> Repository | None:
    found: Repository | None = info.context.world.repository(f"{account.login}/{name}")
    return found if found and info.context.can_see(found) else None


def _pull_requests(repository: Repository, info: Info, **arguments: Any) -> Connection:
    info.context.admit_reader(repository, "pull_requests")
    page = paginate(info, _in_order(repository, arguments), arguments)
    page.items = [Placed(repository, each, each) for each in page.items]
    late = (repository.pull_requests[number] for number in repository.late)
    page.total += sum(_is_asked_for(each, arguments) for each in late)
    fault: Fault | None = info.context.fault
    if fault and fault.kind == "partial_data":
        _spoil_half(page)
    return page


def _in_order(repository: Repository, arguments: dict[str, Any]) -> Ordered:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    descending = order["direction"] == "DESC"
    if order["field"] == "UPDATED_AT" and not any(arguments.get(name) for name in FILTERS):
        return replace(newest_last(repository), descending=descending)
    field = PULL_REQUEST_ORDERS[order["field"]]

    def key(pull_request: PullRequest) -> Key:
        return [field(pull_request), pull_request.id]

    wanted = (each for each in listed(repository) if _is_asked_for(each, arguments))
    return Ordered.of(wanted, key, descending=descending)


def _spoil_half(page: Connection) -> None:
    """GitHub gave up in the middle: what it did not reach is null, each with its error."""
    good = len(page.items) // 2
    bad = GitHubError("RESOURCE_LIMITS_EXCEEDED", TOO_HEAVY)
    page.items = [*page.items[:good], *(bad for _ in page.items[good:])]


def _is_asked_for(pull_request: PullRequest, arguments: dict[str, Any]) -> bool:
    states, labels = arguments.get("states"), arguments.get("labels")
    base, head = arguments.get("baseRefName"), arguments.get("headRefName")
    return (
        (not states or pull_request.state in states)
        and (not base or pull_request.base_ref == base)
        and (not head or pull_request.head_ref == head)
        and (not labels or any(label.name in labels for label in pull_request.labels))
    )


def _pull_request(repository: Repository, info: Info, number: int) -> Placed:
    info.context.admit_reader(repository, "pull_requests")
    found = repository.pull_requests.get(number)
    if found is None:
        raise GitHubError(
            "NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}."
        )
    return Placed(repository, found, found)


def _visibility(repository: Repository) -> str:
    return "PRIVATE" if repository.private else "PUBLIC"


def _permission(repository: Repository, info: Info) -> str | None:
    return access.permission(info.context.world, repository, info.context.viewer)


RESOLVERS: Resolvers = {
    "Repository": {
        **commits.REPOSITORY,
        **delivery.REPOSITORY,
        "createdAt": lambda repository, info: repository.created_at or EPOCH,
        "databaseId": lambda repository, info: repository.id,
        "description": lambda repository, info: repository.description,
        "id": lambda repository, info: repository.node_id,
        "isArchived": lambda repository, info: repository.archived,
        "isDisabled": constant(False),
        "isEmpty": lambda repository, info: is_empty(repository),
        "isFork": lambda repository, info: repository.fork,
        "isLocked": constant(False),
        "isMirror": constant(False),
        "isPrivate": lambda repository, info: repository.private,
        "isTemplate": constant(False),
        "name": lambda repository, info: repository.name,
        "nameWithOwner": lambda repository, info: repository.full_name,
        "owner": lambda repository, info: repository.owner,
        "parent": constant(None),
        "pullRequest": _pull_request,
        "pullRequests": _pull_requests,
        "pushedAt": lambda repository, info: repository.pushed_at,
        "resourcePath": lambda repository, info: f"/{repository.full_name}",
        "updatedAt": lambda repository, info: repository.updated_at or EPOCH,
        "url": lambda repository, info: info.context.address(f"/{repository.full_name}"),
        "viewerCanAdminister": lambda repository, info: _permission(repository, info) == "ADMIN",
        "viewerPermission": _permission,
        "visibility": lambda repository, info: _visibility(repository),
    },
}
