"""Acts of accounts, organisations, tokens and OAuth apps."""

from __future__ import annotations

from datetime import timedelta

from ..happening import Happening
from ..oddities import forget
from ..state import Simulator
from ..tokens import new_token
from ..world import Account, Organization, Token
from . import named, teams
from .named import Act, Json


def _delete_account(simulator: Simulator, given: Json) -> None:
    """The account becomes a ghost: its places are empty."""
    account, world = named.account(simulator, given["login"]), simulator.world
    del world.accounts[account.id]
    for organization in world.organizations.values():
        organization.members.pop(account.id, None)
        for team in organization.teams:
            team.members = [number for number in team.members if number != account.id]
    for repository in world.repositories.values():
        for pull_request in repository.pull_requests.values():
            forget(pull_request, account)


def _rename_account(simulator: Simulator, given: Json) -> None:
    named.account(simulator, given["login"]).login = given["new_login"]


def _add_member(simulator: Simulator, given: Json) -> None:
    account, organization = (
        named.account(simulator, given["login"]),
        named.organization(simulator, given),
    )
    organization.members[account.id] = given.get("role", "member")
    _membership_changed(simulator, organization, account, "member_added")


def _remove_member(simulator: Simulator, given: Json) -> None:
    account, organization = (
        named.account(simulator, given["login"]),
        named.organization(simulator, given),
    )
    organization.members.pop(account.id, None)
    teams.leave_all(simulator, organization, account)
    _membership_changed(simulator, organization, account, "member_removed")


def _membership_changed(
    simulator: Simulator, organization: Organization, account: Account, action: str
) -> None:
    extra = {"member": account}
    happening = Happening("organization", action, extra=extra, organization=organization)
    simulator.announce(happening)


def _restrict(simulator: Simulator, given: Json) -> None:
    named.organization(simulator, given).restricts_oauth_apps = given.get("on", True)


def _approve(simulator: Simulator, given: Json) -> None:
    named.organization(simulator, given).approved_apps.add(given["client_id"])


def _require_sso(simulator: Simulator, given: Json) -> Json:
    organization = named.organization(simulator, given)
    url = f"{simulator.url}/orgs/{organization.account.login}/sso"
    organization.saml_url = url if given.get("on", True) else None
    return {"url": organization.saml_url}


def _make_token(simulator: Simulator, given: Json) -> Json:
    owner = named.account(simulator, given["login"])
    value = given.get("token") or new_token(given.get("prefix", "ghp"), simulator.random)
    chosen = given.get("organizations")
    seconds = given.get("expires_in")
    simulator.world.tokens[value] = Token(
        value,
        owner,
        list(given.get("scopes", ())),
        client_id=given.get("client_id"),
        organizations={named.account(simulator, each).id for each in chosen} if chosen else None,
        expires_at=simulator.clock.now() + timedelta(seconds=seconds) if seconds else None,
    )
    return {"token": value}


def _revoke_token(simulator: Simulator, given: Json) -> None:
    if given["token"] not in simulator.world.tokens:
        raise named.ImpossibleError("There is no such token.")
    simulator.world.tokens[given["token"]].revoked = True


def _set_callbacks(simulator: Simulator, given: Json) -> None:
    app = simulator.world.oauth_apps.get(given["client_id"])
    if app is None:
        raise named.ImpossibleError(f"There is no OAuth app {given['client_id']}.")
    app.callback_urls = list(given["callback_urls"])
    app.expiring_tokens = given.get("expiring_tokens", app.expiring_tokens)


ACTS: dict[str, Act] = {
    "delete_account": _delete_account,
    "rename_account": _rename_account,
    "add_member": _add_member,
    "remove_member": _remove_member,
    "restrict_oauth_apps": _restrict,
    "approve_oauth_app": _approve,
    "require_sso": _require_sso,
    "make_token": _make_token,
    "revoke_token": _revoke_token,
    "set_callbacks": _set_callbacks,
}
