"""/user and /users: the caller, and people."""

from __future__ import annotations

from typing import Any

from .accounts import full_user, login, membership, private_user, simple_organization
from .endpoint import (
    NOT_FOUND,
    Call,
    RefusedError,
    endpoint,
    guard_organization,
    tell_of_partial_results,
)
from .repository_shapes import full_listed


async def caller(call: Call) -> Any:
    token, account = call.signed_in()
    if call.access.has_scope("read:user") or token.client_id is None:
        return private_user(call.url, call.world, account)
    return full_user(call.url, call.world, account)


async def emails(call: Call) -> Any:
    _, account = call.signed_in()
    if not call.access.has_scope("user:email"):
        raise NOT_FOUND
    address = account.email or f"{account.login}@mail.example"
    visibility = "public" if account.email else "private"
    hidden = f"{account.id}+{account.login}@users.noreply.example"
    return call.page(
        [
            {
                "email": address,
                "primary": True,
                "verified": account.email_verified,
                "visibility": visibility,
            },
            {"email": hidden, "primary": False, "verified": True, "visibility": None},
        ]
    )


async def organizations(call: Call) -> Any:
    call.signed_in()
    if call.access.is_fine_grained:
        return []  # as GitHub documents it
    if not call.access.has_scope("read:org", "user", "read:user"):
        message = "You need at least read:org scope or user scope to list your organizations."
        raise RefusedError(403, message)
    mine = [o for o in call.world.organizations.values() if call.access.is_member(o)]
    if not call.access.has_scope("read:org"):
        mine = [o for o in mine if call.access.identity not in o.concealed]
    tell_of_partial_results(call)
    shown = [
        o.account
        for o in mine
        if not call.access.restricted(o)
        and not call.access.barred_by_saml(o)
        and call.access.granted(o.account)
    ]
    return [simple_organization(call.url, account) for account in call.page(shown)]


async def own_membership(call: Call) -> Any:
    _, account = call.signed_in()
    if not call.access.has_scope("read:org"):
        raise RefusedError(403, "You need at least read:org scope to see your membership.")
    organization = call.world.account(call.parameter("organization"))
    found = call.world.organizations.get(organization.id) if organization else None
    if found is None or not call.access.is_member(found):
        raise NOT_FOUND
    guard_organization(call, found)
    return membership(call.url, found, account)


async def person(call: Call) -> Any:
    wanted = call.parameter("login")
    account = call.world.account(wanted.removesuffix("[bot]"))
    if account is None or login(account).casefold() != wanted.casefold():
        raise NOT_FOUND
    return full_user(call.url, call.world, account)


async def persons_organizations(call: Call) -> Any:
    """Those in which the person's membership is public."""
    account = call.world.account(call.parameter("login"))
    if account is None:
        raise NOT_FOUND
    theirs = [
        o.account
        for o in call.world.organizations.values()
        if account.id in o.members and account.id not in o.concealed
    ]
    return [simple_organization(call.url, one) for one in call.page(theirs)]


async def person_by_id(call: Call) -> Any:
    account = call.world.accounts.get(int(call.parameter("account_id")))
    if account is None:
        raise NOT_FOUND
    return full_user(call.url, call.world, account)


async def persons_repositories(call: Call) -> Any:
    """Public ones only, as on GitHub: one's own private ones are in /user/repos."""
    if "account_id" in call.request.path_params:
        account = call.world.accounts.get(int(call.parameter("account_id")))
    else:
        account = call.world.account(call.parameter("login"))
    if account is None:
        raise NOT_FOUND
    call.base = f"/user/{account.id}/repos"
    owned = [r for r in call.world.repositories.values() if r.owner is account and not r.private]
    return full_listed(call, owned, "full_name")


routes = [
    endpoint("/user", caller),
    endpoint("/user/emails", emails, scopes=("user", "user:email")),
    endpoint("/user/orgs", organizations, scopes=("admin:org", "read:org", "user", "write:org")),
    endpoint("/user/memberships/orgs/{organization}", own_membership, scopes=("read:org",)),
    endpoint("/user/{account_id:int}", person_by_id),
    endpoint("/user/{account_id:int}/repos", persons_repositories),
    endpoint("/users/{login}", person),
    endpoint("/users/{login}/orgs", persons_organizations),
    endpoint("/users/{login}/repos", persons_repositories),
]
