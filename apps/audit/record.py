"""Writes the audit log."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from apps.audit.models import AuditEvent


def record(
    action: str,
    *,
    team_id: int | None = None,
    request: HttpRequest | None = None,
    object_name: str = "",
    **details: Any,
) -> None:
    """Notes `action` (such as `github.connect.completed`), by the request's user if it has one.

    `details` must be JSON and free of secrets: say which kind of token, never the token.
    """
    user = getattr(request, "user", None)
    known = user if user is not None and user.is_authenticated else None
    AuditEvent.objects.create(
        action=action,
        team_id=team_id,
        actor=known,
        actor_email=known.email if known else "",
        ip_address=request.META.get("REMOTE_ADDR") or None if request else None,
        object_name=object_name[:255],
        details=details,
    )
