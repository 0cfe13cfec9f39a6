"""Who may see and do what: permissions of accounts, scopes of tokens, rules of organisations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .world import Account, Organization, Repository, Token, World

Permission = Literal["READ", "WRITE", "ADMIN"]

PERMISSIONS: dict[str, Permission] = {"pull": "READ", "push": "WRITE", "admin": "ADMIN"}

# https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
INCLUDES: dict[str, tuple[str, ...]] = {
    "repo": ("public_repo", "repo:status", "repo_deployment", "repo:invite", "admin:repo_hook"),
    "admin:repo_hook": ("write:repo_hook",),
    "write:repo_hook": ("read:repo_hook",),
    "admin:org": ("write:org",),
    "write:org": ("read:org",),
    "user": ("read:user", "user:email", "user:follow"),
    "write:discussion": ("read:discussion",),
}


def expand(scopes: Iterable[str]) -> set[str]:
    """The scopes with everything that they include."""
    found: set[str] = set()
    waiting = list(scopes)
    while waiting:
        scope = waiting.pop()
        found.add(scope)
        waiting.extend(INCLUDES.get(scope, ()))
    return found


def is_granted(token: Token, scope: str) -> bool:
    """Fine-grained tokens have permissions instead of scopes: never refused for a scope."""
    return token.organizations is not None or scope in expand(token.scopes)


def permission(world: World, repository: Repository, account: Account | None) -> Permission | None:
    """The account's permission on the repository; None if it may not see it."""
    if account is None:
        return None if repository.private else "READ"
    if repository.owner is account or is_owner(world, repository.owner, account):
        return "ADMIN"
    if granted := repository.permissions.get(account.id):
        return PERMISSIONS[granted]
    return "READ" if not repository.private or is_member(world, repository, account) else None


def is_owner(world: World, owner: Account, account: Account) -> bool:
    organization = world.organizations.get(owner.id)
    return organization is not None and organization.members.get(account.id) == "admin"


def is_member(world: World, repository: Repository, account: Account) -> bool:
    organization = world.organizations.get(repository.owner.id)
    return organization is not None and account.id in organization.members


def can_see(world: World, repository: Repository, token: Token | None) -> bool:
    """Whether a request with this token may see the repository."""
    if token is None:
        return not repository.private
    if token.installation is not None:
        return not repository.private or token.installation.reaches(repository)
    if token.organizations is not None and repository.owner.id not in token.organizations:
        return not repository.private
    if repository.private and not is_granted(token, "repo"):
        return False
    return permission(world, repository, token.account) is not None


def allows(token: Token | None, wanted: str) -> bool:
    """Whether a token may do what `wanted` says, such as `members=read`.

    Only installation tokens of a GitHub App have their permissions checked here.
    """
    if token is None or token.installation is None:
        return True
    name, _, level = wanted.partition("=")
    held = token.permissions.get(name, "read" if name == "metadata" else "")
    return held == "write" or held == level


def is_insider(world: World, owner: Account, token: Token | None) -> bool:
    """Whether the token may see an organisation's members, including concealed ones."""
    organization = world.organizations.get(owner.id)
    if organization is None or token is None:
        return False
    if token.installation is not None:
        return token.installation.account is owner and allows(token, "members=read")
    return token.account.id in organization.members


def restriction(
    world: World, owner: Account, token: Token | None
) -> Literal["oauth", "saml"] | None:
    """Why an organisation refuses this token, if it does."""
    organization = world.organizations.get(owner.id)
    if organization is None or token is None:
        return None
    if _is_restricted(organization, token):
        return "oauth"
    member = token.account.id in organization.members
    if member and organization.saml_url and token.value not in organization.sso_tokens:
        return "saml"
    return None


def _is_restricted(organization: Organization, token: Token) -> bool:
    return (
        organization.restricts_oauth_apps
        and token.client_id is not None
        and not token.value.startswith("ghu_")  # a GitHub App has access by being installed
        and token.client_id not in organization.approved_apps
    )
