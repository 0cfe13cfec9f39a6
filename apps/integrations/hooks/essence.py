"""What is kept of a webhook's payload: ids, numbers, action and instants, and nothing that is said.

Only this is read by `events` and `handling`; whatever else GitHub sends, such as logins, titles,
descriptions, comments and diffs, is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

# By the name of a part, the fields of it that handling needs.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "repository": ("id",),
    "organization": ("id",),
    "installation": ("id",),
    "pull_request": ("number", "node_id", "updated_at"),
    "review": ("submitted_at",),
    "comment": ("updated_at",),
    "deployment": ("node_id",),
    "deployment_status": ("state", "environment"),
}
_OWN = ("action", "hook_id")
# Who takes back what let us know who they are: their account's id, until that is handled.
_MORE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "github_app_authorization": {"sender": ("id",)},
    "workflow_run": {"workflow_run": ("conclusion",)},
}
LONGEST = 100  # characters of a node id or an instant
NOTHING = "null"


def reduce_payload(event: str, text: str) -> str:
    """A payload's essence, as JSON; what is no object has none. Linear in the payload's length."""
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
    """A number, or a short text without anything that a database refuses."""
    if isinstance(value, str):
        return len(value) <= LONGEST and value.isprintable()
    return isinstance(value, int)
