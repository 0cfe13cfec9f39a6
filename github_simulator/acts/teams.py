"""Acts of an organisation's teams; its hooks receive `team` and `membership`."""

from __future__ import annotations

from typing import Any

from ..happening import Happening
from ..node_ids import node_id
from ..state import Simulator
from ..world import Account, Organization, Team
from . import named
from .named import Act, Json


def _create(simulator: Simulator, given: Json) -> Json:
    organization, name = named.organization(simulator, given), given["name"]
    known = [team.id for each in simulator.world.organizations.values() for team in each.teams]
    number = max(known, default=10_000_000) + 1
    team = Team(number, node_id("T", number), _slug(name), name)
    if any(each.slug == team.slug for each in organization.teams):
        raise named.ImpossibleError(f"There is a team {team.slug} already.")
    organization.teams.append(team)
    _notify(simulator, organization, team, "created")
    return {"team": team.slug}


def _rename(simulator: Simulator, given: Json) -> Json:
    organization, team = _named(simulator, given)
    before, team.name, team.slug = team.name, given["name"], _slug(given["name"])
    _notify(simulator, organization, team, "edited", changes={"name": {"from": before}})
    return {"team": team.slug}


def _delete(simulator: Simulator, given: Json) -> None:
    organization, team = _named(simulator, given)
    organization.teams.remove(team)
    _notify(simulator, organization, team, "deleted")


def _add_member(simulator: Simulator, given: Json) -> None:
    organization, team = _named(simulator, given)
    account = named.account(simulator, given["login"])
    if account.id not in organization.members:
        raise named.ImpossibleError(f"{account.login} is not in {organization.account.login}.")
    if account.id not in team.members:
        team.members.append(account.id)
        _tell_of(simulator, organization, team, account, "added")


def _remove_member(simulator: Simulator, given: Json) -> None:
    organization, team = _named(simulator, given)
    account = named.account(simulator, given["login"])
    if account.id in team.members:
        team.members.remove(account.id)
        _tell_of(simulator, organization, team, account, "removed")


def leave_all(simulator: Simulator, organization: Organization, account: Account) -> None:
    """Removes a former member of the organisation from its teams."""
    for team in organization.teams:
        if account.id in team.members:
            team.members.remove(account.id)
            _tell_of(simulator, organization, team, account, "removed", "organization")


def _named(simulator: Simulator, given: Json) -> tuple[Organization, Team]:
    organization = named.organization(simulator, given)
    for team in organization.teams:
        if team.slug == given["team"]:
            return organization, team
    raise named.ImpossibleError(f"There is no team {given['team']}.")


def _slug(name: str) -> str:
    return "-".join(name.lower().split())


def _notify(
    simulator: Simulator, organization: Organization, team: Team, action: str, **extra: Any
) -> None:
    details = {"team": team, **extra}
    simulator.announce(Happening("team", action, extra=details, organization=organization))


def _tell_of(
    simulator: Simulator,
    organization: Organization,
    team: Team,
    account: Account,
    action: str,
    scope: str = "team",
) -> None:
    details = {"team": team, "member": account, "scope": scope}
    simulator.announce(Happening("membership", action, extra=details, organization=organization))


ACTS: dict[str, Act] = {
    "create_team": _create,
    "rename_team": _rename,
    "delete_team": _delete,
    "add_team_member": _add_member,
    "remove_team_member": _remove_member,
}
