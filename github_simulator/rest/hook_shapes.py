"""Hooks and their deliveries as REST shows them: the secret is never shown again."""

from __future__ import annotations

from ..encoding import decoded
from ..hooks import Deliveries, Delivery
from ..instants import optional_zulu, zulu
from ..world import Hook, Organization, Repository
from .accounts import Json

MASKED = "********"


def config(hook: Hook) -> Json:
    shown = {"content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl}
    if hook.secret:
        shown["secret"] = MASKED
    return {**shown, "url": hook.url}


def hook_shape(
    url: str, home: Repository | Organization, hook: Hook, deliveries: Deliveries
) -> Json:
    own = f"{url}/api/v3/{_where(home)}/hooks/{hook.id}"
    shown: Json = {
        "type": "Repository" if isinstance(home, Repository) else "Organization",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": config(hook),
        "updated_at": optional_zulu(hook.updated_at),
        "created_at": optional_zulu(hook.created_at),
        "url": own,
        "ping_url": f"{own}/pings",
        "deliveries_url": f"{own}/deliveries",
    }
    if isinstance(home, Repository):
        shown["test_url"] = f"{own}/test"
        shown["last_response"] = _last_response(deliveries.last.get(hook.id))
    return shown


def _where(home: Repository | Organization) -> str:
    if isinstance(home, Repository):
        return f"repos/{home.full_name}"
    return f"orgs/{home.account.login}"


def _last_response(delivery: Delivery | None) -> Json:
    if delivery is None:
        return {"code": None, "status": "unused", "message": None}
    status = "active" if delivery.succeeded else "invalid"
    return {"code": delivery.status_code or None, "status": status, "message": delivery.status}


def delivery_item(delivery: Delivery) -> Json:
    about = _about(delivery)
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": zulu(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": about.get("installation"),
        "repository_id": about.get("repository"),
        "throttled_at": None,
    }


def _about(delivery: Delivery) -> dict[str, int]:
    """The ids of the installation and the repository that a delivery names."""
    if isinstance(delivery.home, Repository):
        return {"repository": delivery.home.id}
    payload = decoded(delivery.body)
    return {name: payload[name]["id"] for name in ("installation", "repository") if name in payload}


def full_delivery(delivery: Delivery) -> Json:
    return {
        **delivery_item(delivery),
        "url": delivery.hook.url,
        "request": {
            "headers": delivery.request_headers,
            "payload": decoded(delivery.body),
        },
        "response": {
            "headers": delivery.response_headers,
            "payload": delivery.response_body,
        },
    }
