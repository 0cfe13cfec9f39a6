"""Accounts, organisations and teams as REST shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..instants import optional_zulu as instant
from ..world import Account, Organization, Team, World

Json = dict[str, Any]

_EPOCH = datetime(2016, 2, 1, tzinfo=UTC)
_USER_ADDRESSES = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def login(account: Account) -> str:
    """REST shows a bot's login with a suffix that GraphQL does not know."""
    return f"{account.login}[bot]" if account.type == "Bot" else account.login


def simple_user(url: str, account: Account) -> Json:
    name = login(account)
    own = f"{url}/api/v3/users/{name}"
    page = f"{url}/apps/{account.login}" if account.type == "Bot" else f"{url}/{name}"
    return {
        "login": name,
        "id": account.id,
        "node_id": account.node_id,
        "avatar_url": f"{url}/avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": own,
        "html_url": page,
        **{key: own + path for key, path in _USER_ADDRESSES.items()},
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def optional_user(url: str, account: Account | None) -> Json | None:
    return simple_user(url, account) if account else None


def full_user(url: str, world: World, account: Account) -> Json:
    owned = [r for r in world.repositories.values() if r.owner is account]
    return {
        **simple_user(url, account),
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": account.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(not repository.private for repository in owned),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": instant(_EPOCH),
        "updated_at": instant(_EPOCH),
    }


def private_user(url: str, world: World, account: Account) -> Json:
    """What only the account itself may see."""
    owned = [r for r in world.repositories.values() if r.owner is account and r.private]
    return full_user(url, world, account) | {
        "user_view_type": "private",
        "private_gists": 0,
        "total_private_repos": len(owned),
        "owned_private_repos": len(owned),
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": True,
        "plan": {"name": "pro", "space": 976562499, "collaborators": 0, "private_repos": 9999},
    }


def simple_organization(url: str, account: Account) -> Json:
    own = f"{url}/api/v3/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "url": own,
        "repos_url": f"{own}/repos",
        "events_url": f"{own}/events",
        "hooks_url": f"{own}/hooks",
        "issues_url": f"{own}/issues",
        "members_url": f"{own}/members{{/member}}",
        "public_members_url": f"{own}/public_members{{/member}}",
        "avatar_url": f"{url}/avatars/u/{account.id}?v=4",
        "description": None,
    }


def full_organization(url: str, world: World, organization: Organization) -> Json:
    account = organization.account
    owned = [r for r in world.repositories.values() if r.owner is account]
    return {
        **simple_organization(url, account),
        "name": account.name,
        "email": account.email,
        "is_verified": False,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": sum(not repository.private for repository in owned),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": f"{url}/{account.login}",
        "created_at": instant(_EPOCH),
        "updated_at": instant(_EPOCH),
        "archived_at": None,
        "type": "Organization",
    }


def simple_team(url: str, organization: Organization, team: Team) -> Json:
    own = f"{url}/api/v3/organizations/{organization.account.id}/team/{team.id}"
    return {
        "id": team.id,
        "node_id": team.node_id,
        "name": team.name,
        "slug": team.slug,
        "description": "",
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "type": "organization",
        "organization_id": organization.account.id,
        "url": own,
        "html_url": f"{url}/orgs/{organization.account.login}/teams/{team.slug}",
        "members_url": f"{own}/members{{/member}}",
        "repositories_url": f"{own}/repos",
    }


def full_team(url: str, organization: Organization, team: Team) -> Json:
    return {**simple_team(url, organization, team), "parent": None}


def team_anywhere(url: str, world: World, team: Team) -> Json:
    """A team by itself; of the first organisation if it was deleted."""
    home = next((o for o in world.organizations.values() if team in o.teams), None)
    return full_team(url, home or next(iter(world.organizations.values())), team)


def membership(url: str, organization: Organization, account: Account) -> Json:
    own = f"{url}/api/v3/orgs/{organization.account.login}"
    return {
        "url": f"{own}/memberships/{account.login}",
        "state": "active",
        "role": organization.members[account.id],
        "organization_url": own,
        "direct_membership": True,
        "organization": simple_organization(url, organization.account),
        "user": simple_user(url, account),
    }
