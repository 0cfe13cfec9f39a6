"""The objects that an act's parameters name: accounts, repositories, pull requests and others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..actions import Deed
from ..state import Simulator
from ..world import Account, Label, Organization, PullRequest, Repository, Review, Team

Json = dict[str, Any]


class ImpossibleError(Exception):
    """The act names something that does not exist, or lacks a parameter."""


Act = Callable[[Simulator, Json], Json | None]


def account(simulator: Simulator, login: str) -> Account:
    found = simulator.world.account(login)
    if found is None:
        raise ImpossibleError(f"There is no account {login}.")
    return found


def repository(simulator: Simulator, given: Json) -> Repository:
    found = simulator.world.repository(given["repository"])
    if found is None:
        raise ImpossibleError(f"There is no repository {given['repository']}.")
    return found


def pull_request(place: Repository, given: Json) -> PullRequest:
    found = place.pull_requests.get(given["number"])
    if found is None:
        raise ImpossibleError(f"{place.full_name} has no pull request {given['number']}.")
    return found


def organization(simulator: Simulator, given: Json) -> Organization:
    owner = account(simulator, given["organization"])
    found = simulator.world.organizations.get(owner.id)
    if found is None:
        raise ImpossibleError(f"{owner.login} is no organisation.")
    return found


def _at(simulator: Simulator, given: Json) -> datetime:
    return datetime.fromisoformat(given["at"]) if "at" in given else simulator.clock.now()


def deed(simulator: Simulator, given: Json) -> Deed:
    actor = account(simulator, given["actor"]) if given.get("actor") else None
    return Deed(simulator.world, repository(simulator, given), actor, _at(simulator, given))


def label(place: Repository, name: str) -> Label:
    known = {kept.name: kept for each in place.pull_requests.values() for kept in each.labels}
    number = place.id * 100 + len(known) + 1
    return known.get(name) or Label(number, f"LA_{number}", name)


def reviewer(simulator: Simulator, given: Json) -> Account | Team:
    if "team" not in given:
        return account(simulator, given["reviewer"])
    for group in simulator.world.organizations.values():
        for team in group.teams:
            if team.slug == given["team"]:
                return team
    raise ImpossibleError(f"There is no team {given['team']}.")


def review(reviewed: PullRequest, given: Json) -> Review:
    found = next((each for each in reviewed.reviews if each.id == given["review"]), None)
    if found is None:
        raise ImpossibleError(f"There is no review {given['review']}.")
    return found
