"""Deployments and their statuses.

https://docs.github.com/rest/deployments
"""

from __future__ import annotations

from dataclasses import dataclass

from ..actions import Deed, new_id
from ..changes import CHANGES
from ..happening import Happening
from ..node_ids import node_id
from ..world import Deployment, DeploymentStatus, StatusState


@dataclass(frozen=True)
class Target:
    """What is deployed where; `ref` is the requested ref, by default the SHA."""

    oid: str
    environment: str = "production"
    ref: str = ""
    production: bool | None = None  # by default decided by the environment's name
    transient: bool = False


def deploy(deed: Deed, target: Target) -> tuple[Deployment, list[Happening]]:
    """Requests a deployment; hooks receive `deployment`."""
    number = new_id(deed.world, "DE", deed.at)
    named = target.environment == "production"
    made = Deployment(
        number,
        node_id("DE", deed.repository.id, number),
        target.environment,
        target.oid,
        target.ref or target.oid,
        deed.actor,
        deed.at,
        deed.at,
        production=named if target.production is None else target.production,
        transient=target.transient,
    )
    deed.repository.deployments[number] = made
    return made, [_hook_event(deed, "deployment", {"deployment": made})]


def set_status(
    deed: Deed, deployment: Deployment, state: StatusState, description: str = ""
) -> list[Happening]:
    """Adds a status; a success makes what was live there before inactive."""
    events = _add(deed, deployment, state, description)
    ends_others = state == "SUCCESS" and not deployment.transient
    every = list(deed.repository.deployments.values()) if ends_others else []
    live = [each for each in every if _was_live_before(each, deployment)]
    return [events, *(_add(deed, each, "INACTIVE", "") for each in live)]


def _was_live_before(each: Deployment, newer: Deployment) -> bool:
    succeeded = bool(each.statuses) and each.statuses[-1].state == "SUCCESS"
    same = each.environment == newer.environment and not each.transient
    return same and succeeded and each.id < newer.id


def _add(deed: Deed, deployment: Deployment, state: StatusState, description: str) -> Happening:
    number = new_id(deed.world, "DES", deed.at)
    status = DeploymentStatus(
        number,
        node_id("DES", deed.repository.id, number),
        state,
        deed.actor,
        deed.at,
        deployment.environment,
        description,
    )
    deployment.statuses.append(status)
    deployment.updated_at = max(deployment.updated_at, deed.at)
    return _hook_event(deed, "deployment_status", {"deployment": deployment, "status": status})


def _hook_event(deed: Deed, event: str, about: dict[str, object]) -> Happening:
    CHANGES.count += 1
    return Happening(event, "created", deed.repository, sender=deed.actor, extra=about)


def state_of(deployment: Deployment) -> str:
    """The deployment's own state, which follows from its newest status."""
    if not deployment.statuses:
        return "PENDING"
    newest = deployment.statuses[-1].state
    return "ACTIVE" if newest == "SUCCESS" else newest
