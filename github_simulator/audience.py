"""The recipients of a happening: subscribed hooks, and installed apps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .encoding import encoded
from .happening import Happening
from .hooks import Home
from .payloads import payload
from .state import Simulator
from .world import GitHubApp, Hook, Installation, World

# A deleted or transferred repository is only reported to its owner.
_NOT_FOR_ITSELF = (("repository", "deleted"), ("repository", "transferred"))


def notify(simulator: Simulator, happening: Happening) -> None:
    """Queues a delivery for each subscribed hook."""
    hooks = [] if happening.app else list(_subscribed(simulator.world, happening))
    apps = list(_installed(simulator.world, happening))
    if not hooks and not apps:
        return
    deliveries, drawn = simulator.deliveries, payload(simulator, happening)
    body, guid = encoded(drawn), deliveries.new_guid()
    for home, hook in hooks:
        deliveries.send(home, hook, happening.event, happening.action, body, guid)
    for app, named in apps:
        if app.hook and app.hook.active:
            own = encoded(drawn | named)
            deliveries.send(app, app.hook, happening.event, happening.action, own, guid)


def _installed(world: World, happening: Happening) -> Iterator[tuple[GitHubApp, dict[str, Any]]]:
    """Installed apps, with what their payload says of the installation."""
    if happening.app:
        yield happening.app, {}
        return
    for each in world.installations.values():
        if not each.suspended_at and _is_subscribed(each, happening):
            yield each.app, {"installation": {"id": each.id, "node_id": f"MDI{each.id}"}}


def _is_subscribed(installation: Installation, happening: Happening) -> bool:
    if happening.event not in installation.events:
        return False
    if happening.repository:
        return installation.reaches(happening.repository)
    organization = happening.organization
    return organization is not None and organization.account is installation.account


def _subscribed(world: World, happening: Happening) -> Iterator[tuple[Home, Hook]]:
    repository = happening.repository
    owner = world.organizations.get(repository.owner.id) if repository else None
    gone = (happening.event, happening.action) in _NOT_FOR_ITSELF
    for home in (None if gone else repository, happening.organization or owner):
        for hook in list(home.hooks.values()) if home else ():
            if hook.active and not {happening.event, "*"}.isdisjoint(hook.events):
                yield home, hook  # type: ignore[misc]
