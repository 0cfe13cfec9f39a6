"""Acts of repository owners."""

from __future__ import annotations

from ..happening import Happening
from ..node_ids import node_id
from ..rest.accounts import simple_organization, simple_user
from ..state import Simulator
from ..world import Repository
from . import named
from .named import Act, Json


def _rename_repository(simulator: Simulator, given: Json) -> Json:
    repository, old = named.repository(simulator, given), named.repository(simulator, given).name
    repository.former_names.append(repository.full_name)
    repository.name = given["name"]
    changes = {"changes": {"repository": {"name": {"from": old}}}}
    simulator.announce(Happening("repository", "renamed", repository, extra=changes))
    return {"full_name": repository.full_name}


def _transfer_repository(simulator: Simulator, given: Json) -> Json:
    repository, owner = named.repository(simulator, given), named.account(simulator, given["owner"])
    repository.former_names.append(repository.full_name)
    former, repository.owner = repository.owner, owner
    kind = "user" if former.type == "User" else "organization"
    shape = simple_user if kind == "user" else simple_organization
    extra = {"changes": {"owner": {"from": {kind: shape(simulator.url, former)}}}}
    simulator.announce(Happening("repository", "transferred", repository, extra=extra))
    return {"full_name": repository.full_name}


def _flag(name: str, value: bool, action: str) -> Act:
    def flagged(simulator: Simulator, given: Json) -> Json:
        repository = named.repository(simulator, given)
        setattr(repository, name, value)
        simulator.announce(Happening("repository", action, repository))
        return {"full_name": repository.full_name}

    return flagged


def _delete_repository(simulator: Simulator, given: Json) -> None:
    repository = named.repository(simulator, given)
    world = simulator.world
    world.last_repository = max(world.last_repository, *world.repositories)
    del world.repositories[repository.id]
    simulator.announce(Happening("repository", "deleted", repository))


def _create_repository(simulator: Simulator, given: Json) -> Json:
    """A deleted repository's name can be used again: its id tells the two apart."""
    login, _, name = given["repository"].partition("/")
    owner, world = named.account(simulator, login), simulator.world
    if any(each.full_name == f"{owner.login}/{name}" for each in world.repositories.values()):
        raise named.ImpossibleError(f"There is a repository {given['repository']} already.")
    world.last_repository = number = max(world.last_repository, *world.repositories, 0) + 1
    now = simulator.clock.now()
    made = Repository(
        number,
        node_id("R", number),
        owner,
        name,
        default_branch=given.get("default_branch", "main"),
        private=given.get("private", False),
        created_at=now,
        updated_at=now,
    )
    world.repositories[number] = made
    simulator.announce(Happening("repository", "created", made))
    return {"full_name": made.full_name, "id": number, "node_id": made.node_id}


ACTS: dict[str, Act] = {
    "create_repository": _create_repository,
    "rename_repository": _rename_repository,
    "transfer_repository": _transfer_repository,
    "delete_repository": _delete_repository,
    "archive_repository": _flag("archived", True, "archived"),
    "unarchive_repository": _flag("archived", False, "unarchived"),
    "privatize_repository": _flag("private", True, "privatized"),
    "publicize_repository": _flag("private", False, "publicized"),
}
