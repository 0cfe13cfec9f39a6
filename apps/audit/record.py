"""Writes the audit log."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from apps.audit.models import MOST_DETAILS, AuditEvent


def record(
    action: str,
    *,
    team_id: int | None = None,
    request: HttpRequest | None = None,
    actor: AbstractBaseUser | None = None,
    object_name: str = "",
    **details: Any,
) -> None:
    """Records `action` (such as `github.connect.completed`), by `actor` or the request's user.

    `details` must be JSON and free of secrets: name the kind of token, never the token.
    """
    user = actor or getattr(request, "user", None)
    known: Any = user if user is not None and user.is_authenticated else None
    AuditEvent.objects.create(
        action=action,
        team_id=team_id,
        actor=known,
        actor_email=known.email if known else "",
        ip_address=request.META.get("REMOTE_ADDR") or None if request else None,
        object_name=object_name[:255],
        details=details if len(json.dumps(details)) < MOST_DETAILS // 2 else {"too_long": True},
    )
