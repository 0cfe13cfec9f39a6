"""The root fields of Query, and the rate limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..limits import Limits, Window
from ..nodes import Delivered, GitCommit, Placed, Served
from ..refusals import GitHubError
from ..world import Account, Release, Repository, Team
from .context import Info, Resolvers

MOST_IDS = 100


def _repository(source: object, info: Info, **arguments: Any) -> Repository:
    full_name = f"{arguments['owner']}/{arguments['name']}"
    found: Repository | None = info.context.world.repository(full_name)
    renamed = found is not None and found.full_name.casefold() != full_name.casefold()
    hidden = renamed and not arguments["followRenames"]
    if found is None or hidden or not info.context.can_see(found):
        raise GitHubError(
            "NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'."
        )
    info.context.admit(found.owner)
    return found


def _account(kind: str, words: str, login: str, info: Info) -> Account:
    found: Account | None = info.context.world.account(login)
    if found is None or found.type != kind:
        raise GitHubError("NOT_FOUND", f"Could not resolve to {words} with the login of '{login}'.")
    return found


def organization(source: object, info: Info, login: str) -> Account:
    found = _account("Organization", "an Organization", login, info)
    info.context.admit(found)
    return found


def _user(source: object, info: Info, login: str) -> Account:
    return _account("User", "a User", login, info)


def _repository_owner(source: object, info: Info, login: str) -> Account | None:
    found: Account | None = info.context.world.account(login)
    return found if found and found.type in ("User", "Organization") else None


def _node(source: object, info: Info, id: str) -> Served:  # noqa: A002  (GraphQL's name)
    found: Served | None = info.context.index.find(id)
    if found is None or not _is_visible(found, info):
        raise GitHubError("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'")
    return found


def _is_visible(found: Served, info: Info) -> bool:
    """Whether the viewer may see it. Raises GitHubError if an organisation refuses access."""
    of_one = isinstance(found, Placed | GitCommit | Delivered)
    repository: object = getattr(found, "repository", None) if of_one else found
    if isinstance(repository, Repository):
        if not info.context.can_see(repository):
            return False
        info.context.admit(repository.owner)
        if wanted := _permission(found):
            info.context.admit_reader(repository, wanted)
    elif isinstance(found, Account):
        info.context.admit(found)
    elif isinstance(found, Team):
        return _sees_team(found, info)
    return True


def _permission(found: Served) -> str:
    """The permission that an installation needs to read it; empty for none."""
    match found:
        case Placed():
            return "pull_requests"
        case Delivered(thing=Release()) | GitCommit():
            return "contents"
        case Delivered():
            return "deployments"
    return ""


def _sees_team(team: Team, info: Info) -> bool:
    return any(
        team in organization.teams and info.context.is_insider(organization.account)
        for organization in info.context.world.organizations.values()
    )


def _nodes(source: object, info: Info, ids: list[str]) -> list[Served | GitHubError]:
    if len(ids) > MOST_IDS:
        raise GitHubError(
            "ARGUMENT_LIMIT",
            f"You may not provide more than {MOST_IDS} node ids; you provided {len(ids)}.",
        )
    info.context.nodes += len(ids)
    return [_node_or_error(info, each) for each in ids]


def _node_or_error(info: Info, node_id: str) -> Served | GitHubError:
    try:
        return _node(None, info, node_id)
    except GitHubError as error:
        return error


def _viewer(source: object, info: Info) -> Account:
    """The caller. An app's installation gets a user whose login shows that it is a bot."""
    viewer: Account = info.context.viewer
    return replace(viewer, login=f"{viewer.login}[bot]") if viewer.type == "Bot" else viewer


def _rate_limit(source: object, info: Info, **arguments: Any) -> Window | None:
    limits: Limits = info.context.simulator.limits
    return limits.window(info.context.token.counted_as, "graphql") if limits.enabled else None


RESOLVERS: Resolvers = {
    "Query": {
        "node": _node,
        "nodes": _nodes,
        "organization": organization,
        "rateLimit": _rate_limit,
        "repository": _repository,
        "repositoryOwner": _repository_owner,
        "user": _user,
        "viewer": _viewer,
    },
    "RateLimit": {
        "cost": lambda window, info: info.context.cost.points,
        "limit": lambda window, info: window.limit,
        "nodeCount": lambda window, info: info.context.cost.nodes,
        "remaining": lambda window, info: window.remaining,
        "resetAt": lambda window, info: datetime.fromtimestamp(window.reset, UTC),
        "used": lambda window, info: window.used,
    },
}
