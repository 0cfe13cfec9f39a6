"""People, bots, organisations and their teams."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..connections import Connection, paginate
from ..ordering import Ordered
from ..world import Account, Organization, Team
from .context import Info, Resolver, Resolvers, constant
from .repositories import of_owner, one_of_owner
from .roots import organization as find_organization

BEGINNING = datetime(2011, 1, 1, tzinfo=UTC)  # the world does not know when accounts were created


def _organization(account: Account, info: Info) -> Organization:
    found: Organization = info.context.world.organizations[account.id]
    return found


def _is_member(account: Account, info: Info) -> bool:
    return info.context.viewer.id in _organization(account, info).members


def _by_id(found: list[Account] | list[Team]) -> Ordered:
    return Ordered.of(found, lambda each: [each.id])


def _members(account: Account, info: Info, **arguments: Any) -> Connection:
    info.context.admit_insider(account)
    organization, world = _organization(account, info), info.context.world
    people = [
        world.accounts[each]
        for each in organization.members
        if each in world.accounts
        and (each not in organization.concealed or info.context.is_insider(account))
    ]
    return paginate(info, _by_id(people), arguments, owner=organization)


def _teams(account: Account, info: Info, **arguments: Any) -> Connection:
    info.context.admit_insider(account)
    teams = _organization(account, info).teams if info.context.is_insider(account) else []
    wanted = (arguments.get("query") or "").casefold()
    found = [team for team in teams if wanted in team.name.casefold()]
    return paginate(info, _by_id(found), arguments)


def _team(account: Account, info: Info, slug: str) -> Team | None:
    teams = _organization(account, info).teams if info.context.is_insider(account) else []
    return next((team for team in teams if team.slug == slug), None)


def _organizations(account: Account, info: Info, **arguments: Any) -> Connection:
    context = info.context
    found = [
        organization.account
        for organization in context.world.organizations.values()
        if account.id in organization.members and context.is_open(organization.account)
    ]
    return paginate(info, _by_id(found), arguments)


def _team_members(team: Team, info: Info, **arguments: Any) -> Connection:
    accounts = info.context.world.accounts
    people = [accounts[each] for each in team.members if each in accounts]
    return paginate(info, _by_id(people), arguments)


def _team_organization(team: Team, info: Info) -> Account:
    organizations: list[Organization] = list(info.context.world.organizations.values())
    return next(each.account for each in organizations if team in each.teams)


def _team_path(team: Team, info: Info) -> str:
    return f"/orgs/{_team_organization(team, info).login}/teams/{team.slug}"


def _avatar(account: Account, info: Info, size: int | None = None) -> str:
    address: str = info.context.address(f"/avatars/u/{account.id}?v=4")
    return f"{address}&s={size}" if size else address


def _path(account: Account, info: Info) -> str:
    return f"/apps/{account.login}" if account.type == "Bot" else f"/{account.login}"


ACCOUNT: dict[str, Resolver] = {
    "avatarUrl": _avatar,
    "createdAt": constant(BEGINNING),
    "databaseId": lambda account, info: account.id,
    "id": lambda account, info: account.node_id,
    "login": lambda account, info: account.login,
    "resourcePath": _path,
    "updatedAt": constant(BEGINNING),
    "url": lambda account, info: info.context.address(_path(account, info)),
}

OWNER: dict[str, Resolver] = {**ACCOUNT, "repositories": of_owner, "repository": one_of_owner}

RESOLVERS: Resolvers = {
    "User": {
        **OWNER,
        "bio": constant(None),
        "company": constant(None),
        "email": lambda account, info: account.email or "",
        "isEmployee": constant(False),
        "isSiteAdmin": constant(False),
        "isViewer": lambda account, info: account is info.context.viewer,
        "location": constant(None),
        "name": lambda account, info: account.name,
        "organization": find_organization,
        "organizations": _organizations,
    },
    "Bot": ACCOUNT,
    "Mannequin": {
        **ACCOUNT,
        "claimant": constant(None),
        "email": lambda account, info: account.email,
        "name": lambda account, info: account.name,
    },
    "EnterpriseUserAccount": {
        **{name: resolver for name, resolver in ACCOUNT.items() if name != "databaseId"},
        "name": lambda account, info: account.name,
        "user": constant(None),
    },
    "Organization": {
        **OWNER,
        "description": constant(None),
        "email": lambda account, info: account.email,
        "membersWithRole": _members,
        "name": lambda account, info: account.name,
        "team": _team,
        "teams": _teams,
        "viewerCanAdminister": lambda account, info: (
            _organization(account, info).members.get(info.context.viewer.id) == "admin"
        ),
        "viewerIsAMember": _is_member,
    },
    "Team": {
        "combinedSlug": lambda team, info: f"{_team_organization(team, info).login}/{team.slug}",
        "createdAt": constant(BEGINNING),
        "databaseId": lambda team, info: team.id,
        "description": constant(None),
        "id": lambda team, info: team.node_id,
        "members": _team_members,
        "name": lambda team, info: team.name,
        "organization": _team_organization,
        "privacy": constant("VISIBLE"),
        "resourcePath": _team_path,
        "slug": lambda team, info: team.slug,
        "updatedAt": constant(BEGINNING),
        "url": lambda team, info: info.context.address(_team_path(team, info)),
    },
}
