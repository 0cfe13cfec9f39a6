"""What is stored of a webhook's payload: ids, numbers, action and times, and no texts.

`events` and `handling` read only this; whatever else GitHub sends, such as logins, titles,
descriptions, comments and diffs, is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

# The fields that handling needs, by the part of the payload.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "repository": ("id",),
    "organization": ("id",),
    "installation": ("id",),
    "pull_request": ("number", "node_id", "updated_at"),
    "review": ("submitted_at",),
    "comment": ("updated_at",),
    "deployment": ("node_id", "environment"),
    "deployment_status": ("state", "environment"),
}
_OWN = ("action", "hook_id")
# The account id of a user who revokes the App's authorisation, until that is handled.
_MORE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "github_app_authorization": {"sender": ("id",)},
    "workflow_run": {"workflow_run": ("conclusion",)},
}
LONGEST = 100  # characters of a node id or an instant
NOTHING = "null"


def reduce_payload(event: str, text: str) -> str:
    """The stored part of a payload, as JSON; empty for a non-object. Takes linear time."""
    try:
        payload = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return NOTHING
    if not isinstance(payload, dict):
        return NOTHING
    kept = {name: payload[name] for name in _OWN if _is_plain(payload.get(name))}
    for name, fields in {**_PARTS, **_MORE.get(event, {})}.items():
        if isinstance(part := payload.get(name), dict):
            kept[name] = {key: part[key] for key in fields if _is_plain(part.get(key))}
    return msgspec.json.encode(kept).decode()


def _is_plain(value: Any) -> bool:
    """A number, or a short text that every database can store."""
    if isinstance(value, str):
        return len(value) <= LONGEST and value.isprintable()
    return isinstance(value, int)
