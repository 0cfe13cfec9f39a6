"""/repos and the lists of repositories."""

from __future__ import annotations

from typing import Any

from ..world import Repository
from .caller import Access
from .endpoint import (
    ORGANIZATION_PATHS,
    REPOSITORY_PATHS,
    Call,
    RefusedError,
    endpoint,
    endpoints,
    find_organization,
    find_repository,
    guard_organization,
    tell_of_partial_results,
)
from .repository_shapes import full_listed, full_repository


async def repository(call: Call) -> Any:
    return full_repository(call, find_repository(call))


async def organizations_repositories(call: Call) -> Any:
    found = find_organization(call)
    guard_organization(call, found)
    owned = [
        r
        for r in call.world.repositories.values()
        if r.owner is found.account and call.access.sees(r) and _of_kind(r, call.query("type"))
    ]
    return full_listed(call, owned, "created")


def _of_kind(repository: Repository, kind: str) -> bool:
    match kind:
        case "public":
            return not repository.private
        case "private":
            return repository.private
        case "forks":
            return repository.fork
        case "sources":
            return not repository.fork
        case _:
            return True


async def own_repositories(call: Call) -> Any:
    """What the caller may see as owner, collaborator or member of an organisation."""
    call.signed_in()
    if call.query("type") and (call.query("affiliation") or call.query("visibility")):
        message = "If you specify visibility or affiliation, you cannot specify type."
        raise RefusedError(422, message)
    asked = call.query("affiliation", "owner,collaborator,organization_member").split(",")
    wanted = call.query("visibility", "all")
    tell_of_partial_results(call)
    mine = [
        r
        for r in call.world.repositories.values()
        if _affiliation(call.access, r) in asked
        and call.access.sees(r)
        and not _kept_out(call.access, r)
        and wanted in ("all", "private" if r.private else "public")
    ]
    return full_listed(call, mine, "full_name")


def _affiliation(access: Access, repository: Repository) -> str | None:
    if repository.owner.id == access.identity:
        return "owner"
    organization = access.world.organizations.get(repository.owner.id)
    if organization and access.is_member(organization):
        return "organization_member" if access.permission(repository) != "none" else None
    return "collaborator" if access.identity in repository.permissions else None


def _kept_out(access: Access, repository: Repository) -> bool:
    organization = access.world.organizations.get(repository.owner.id)
    return organization is not None and access.restricted(organization)


routes = [
    *endpoints(REPOSITORY_PATHS, "", repository, scopes=("repo",)),
    *endpoints(
        ORGANIZATION_PATHS,
        "/repos",
        organizations_repositories,
        scopes=("admin:org", "read:org", "repo", "user", "write:org"),
    ),
    endpoint("/user/repos", own_repositories, scopes=("public_repo", "repo")),
]
