"""Changes of an installation, sent to its app's hook.

https://docs.github.com/webhooks/webhook-events-and-payloads#installation
"""

from __future__ import annotations

from typing import Any

from . import apps
from .happening import Happening
from .rest.app_shapes import chosen_repository
from .state import Simulator
from .world import Account, GitHubApp, Installation


def install(
    simulator: Simulator,
    app: GitHubApp,
    account: Account,
    sender: Account,
    repositories: set[int] | None,
) -> Installation:
    """Installs an app on an account; if it is installed already, changes its repositories."""
    known = [
        each
        for each in simulator.world.installations.values()
        if each.app is app and each.account is account
    ]
    if known:
        choose(simulator, known[0], repositories, sender)
        return known[0]
    made = apps.install(simulator, app, account, repositories)
    _notify(simulator, made, "created", sender, repositories=_chosen(simulator, made))
    return made


def uninstall(
    simulator: Simulator, installation: Installation, sender: Account | None = None
) -> None:
    chosen = _chosen(simulator, installation)
    apps.uninstall(simulator.world, installation)
    _notify(simulator, installation, "deleted", sender, repositories=chosen)


def suspend(
    simulator: Simulator, installation: Installation, sender: Account | None = None
) -> None:
    installation.suspended_at = simulator.clock.now()
    installation.suspended_by = sender or installation.app.owner
    _notify(
        simulator, installation, "suspend", sender, repositories=_chosen(simulator, installation)
    )


def unsuspend(
    simulator: Simulator, installation: Installation, sender: Account | None = None
) -> None:
    installation.suspended_at = installation.suspended_by = None
    _notify(
        simulator, installation, "unsuspend", sender, repositories=_chosen(simulator, installation)
    )


def ask(app: GitHubApp, permissions: dict[str, str], events: list[str]) -> None:
    """An app requests more permissions; an owner must accept them where it is installed."""
    app.permissions, app.events = {**app.permissions, **permissions}, [*app.events, *events]


def asks_for_more(installation: Installation) -> dict[str, str]:
    """Permissions that an owner has not accepted yet."""
    held, asked = installation.permissions, installation.app.permissions
    return {name: level for name, level in asked.items() if held.get(name) != level}


def accept(
    simulator: Simulator, installation: Installation, permissions: dict[str, str] | None = None
) -> None:
    """An owner accepts what the app requests now, or these permissions."""
    app = installation.app
    installation.permissions = dict(app.permissions if permissions is None else permissions)
    held = {*installation.permissions, "metadata"}
    installation.events = [each for each in app.events if apps.NEEDED.get(each) in held]
    installation.updated_at = simulator.clock.now()
    chosen = _chosen(simulator, installation)
    _notify(simulator, installation, "new_permissions_accepted", None, repositories=chosen)


def choose(
    simulator: Simulator,
    installation: Installation,
    repositories: set[int] | None,
    sender: Account | None = None,
) -> None:
    """Changes the repositories of an installation."""
    before = apps.reached(simulator.world, installation)
    installation.repositories = repositories
    after = apps.reached(simulator.world, installation)
    added = [chosen_repository(each) for each in after if each not in before]
    removed = [chosen_repository(each) for each in before if each not in after]
    selection = "all" if repositories is None else "selected"
    for action, changed in (("added", added), ("removed", removed)):
        if changed:
            details = {
                "repository_selection": selection,
                "repositories_added": added if action == "added" else [],
                "repositories_removed": removed if action == "removed" else [],
                "requester": None,
            }
            _notify(simulator, installation, action, sender, "installation_repositories", **details)


def revoke_user(simulator: Simulator, app: GitHubApp, person: Account) -> None:
    """A person revokes the app's authorisation."""
    client = simulator.world.oauth_apps[app.client_id]
    simulator.authorizations.revoke_grant(client, person)
    happening = Happening("github_app_authorization", "revoked", sender=person, app=app)
    simulator.announce(happening)


def _chosen(simulator: Simulator, installation: Installation) -> list[dict[str, Any]]:
    return [chosen_repository(each) for each in apps.reached(simulator.world, installation)]


def _notify(
    simulator: Simulator,
    installation: Installation,
    action: str,
    sender: Account | None,
    event: str = "installation",
    **extra: Any,
) -> None:
    happening = Happening(
        event,
        action,
        sender=sender or installation.app.owner,
        extra=extra,
        app=installation.app,
        installation=installation,
    )
    simulator.announce(happening)
