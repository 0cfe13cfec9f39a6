"""/orgs: an organisation, its people, its teams."""

from __future__ import annotations

from typing import Any

from ..access import is_insider
from ..world import Account, Organization
from .accounts import full_organization, full_team, membership, simple_user
from .endpoint import (
    NOT_FOUND,
    ORGANIZATION_PATHS,
    Call,
    RefusedError,
    endpoints,
    find_organization,
    guard_organization,
)


async def organization(call: Call) -> Any:
    found = find_organization(call)
    guard_organization(call, found)
    return full_organization(call.url, call.world, found)


async def members(call: Call) -> Any:
    """Concealed members are shown to members only; items have no role."""
    found = find_organization(call)
    guard_organization(call, found)
    role = call.query("role", "all")
    if role not in ("all", "admin", "member"):
        raise _invalid("role", role)
    shown = call.page(_shown(call, found, role))
    return [simple_user(call.url, account) for account in shown]


def _invalid(name: str, value: str) -> RefusedError:
    error = {"resource": "Organization", "field": name, "code": "invalid", "value": value}
    return RefusedError(422, "Validation Failed", errors=[error])


def _shown(call: Call, found: Organization, role: str) -> list[Account]:
    may_see = call.access.has_scope("read:org", "repo", "user")
    insider = may_see and is_insider(call.world, found.account, call.access.token)
    return [
        call.world.accounts[number]
        for number, has in found.members.items()
        if role in ("all", has) and (insider or number not in found.concealed)
    ]


async def one_membership(call: Call) -> Any:
    """A person's role, for callers who may see the organisation's members."""
    found = find_organization(call)
    guard_organization(call, found)
    account = call.world.account(call.parameter("login"))
    if not is_insider(call.world, found.account, call.access.token):
        raise RefusedError(403, "You must be a member of this organization to see memberships.")
    if account is None or account.id not in found.members:
        raise NOT_FOUND
    return membership(call.url, found, account)


def _teams_home(call: Call) -> Organization:
    found = find_organization(call)
    guard_organization(call, found)
    if not is_insider(call.world, found.account, call.access.token):
        raise NOT_FOUND
    if not call.access.has_scope("read:org"):
        raise RefusedError(403, "You need at least read:org scope to list the teams.")
    return found


async def teams(call: Call) -> Any:
    found = _teams_home(call)
    return [full_team(call.url, found, team) for team in call.page(found.teams)]


async def team_members(call: Call) -> Any:
    found = _teams_home(call)
    slug = call.parameter("slug")
    team = next((t for t in found.teams if slug in (t.slug, str(t.id))), None)
    if team is None:
        raise NOT_FOUND
    call.base = f"/organizations/{found.account.id}/team/{team.id}/members"
    people = [call.world.accounts[number] for number in team.members]
    return [simple_user(call.url, account) for account in call.page(people)]


_READ = ("admin:org", "read:org", "repo", "user", "write:org")
_PEOPLE: dict[str, Any] = {"scopes": _READ, "permission": "members=read"}
routes = [
    *endpoints(ORGANIZATION_PATHS, "", organization, scopes=_READ),
    *endpoints(ORGANIZATION_PATHS, "/members", members, **_PEOPLE),
    *endpoints(ORGANIZATION_PATHS, "/memberships/{login}", one_membership, **_PEOPLE),
    *endpoints(ORGANIZATION_PATHS, "/teams", teams, **_PEOPLE),
    *endpoints(ORGANIZATION_PATHS, "/teams/{slug}/members", team_members, **_PEOPLE),
    *endpoints(ORGANIZATION_PATHS[1:], "/team/{slug}/members", team_members, **_PEOPLE),
]
