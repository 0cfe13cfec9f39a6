"""`POST /webhooks/github/`: verify, store, answer. What it means is for `events` to find out."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.integrations.github import signature
from apps.integrations.models import Hook, WebhookDelivery
from apps.integrations.nudge import nudge_soon

LARGEST = 25 * 2**20  # bytes; GitHub sends nothing larger
KEEP_OLD_SECRET = timedelta(days=1)

_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_EVENT = re.compile(r"[a-z0-9_]{1,60}")
# Refusals compare with this, so that an unknown hook takes as long as a wrong signature.
_NO_SECRET = secrets.token_urlsafe(32)


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """202 for a delivery of a hook of ours, 401 for anything else, 503 when it cannot be kept."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
        return _refuse("The payload is larger than 25 MB.", 413)
    # Not `request.body`, whose limit is made for forms.
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return _refuse("The payload is larger than 25 MB.", 413)
    try:
        hook = _hook(request)
        if not _is_genuine(hook, body, request.headers.get("X-Hub-Signature-256", "")):
            return _refuse("No hook of this server signed this.", 401)
        return _keep(hook, request, body)
    except (DatabaseError, InterfaceError):
        return _refuse("The database cannot be reached; deliver this again later.", 503)


def _hook(request: HttpRequest) -> Hook | None:
    """The hook that the headers name; a ping can come before the reply that told us its id."""
    hook_id = _number(request, "X-GitHub-Hook-ID")
    target = _number(request, "X-GitHub-Hook-Installation-Target-ID")
    if hook_id is None:
        return None
    awaited = Q(hook_id__isnull=True, github_repo_id=target) if target else Q(pk__in=[])
    rows = Hook.objects.filter(Q(hook_id=hook_id) | awaited, host=settings.GITHUB_URL)
    return rows.order_by("hook_id").first()


def _number(request: HttpRequest, header: str) -> int | None:
    text = request.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _is_genuine(hook: Hook | None, body: bytes, given: str) -> bool:
    keys = [hook.secret, _former_secret(hook)] if hook else [_NO_SECRET, _NO_SECRET]
    return signature.is_valid(keys, body, given) and hook is not None


def _former_secret(hook: Hook) -> str:
    """The secret before the last rotation, until GitHub was told and for a day after it."""
    is_recent = hook.rotated_at and hook.rotated_at > datetime.now(UTC) - KEEP_OLD_SECRET
    return (hook.previous_secret if is_recent or not hook.is_secret_told else "") or _NO_SECRET


def _keep(hook: Hook | None, request: HttpRequest, body: bytes) -> HttpResponse:
    guid = request.headers.get("X-GitHub-Delivery", "")
    event = request.headers.get("X-GitHub-Event", "")
    payload = _payload(request, body)
    if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event) or payload is None:
        return _refuse("This is no delivery as GitHub makes them.", 400)
    now = datetime.now(UTC)
    row = WebhookDelivery(
        hook=hook, guid=guid, event=event, payload=payload, received_at=now, due_at=now
    )
    try:
        row.save(force_insert=True)
    except IntegrityError:
        # A redelivery of what failed here is a new try; of anything else, a no-op.
        failed = WebhookDelivery.objects.filter(
            hook=hook, guid=guid, state=WebhookDelivery.State.FAILED, due_at__isnull=True
        )
        failed.update(state=WebhookDelivery.State.RECEIVED, due_at=now, attempts=0)
    nudge_soon()
    return JsonResponse({"delivery": guid}, status=202)


def _payload(request: HttpRequest, body: bytes) -> str | None:
    """The JSON as text, which is not looked into here; None where it is not text."""
    try:
        text = body.decode()
        if request.content_type == "application/x-www-form-urlencoded":
            text = parse_qs(text, strict_parsing=True, max_num_fields=10)["payload"][0]
    except (UnicodeDecodeError, ValueError, KeyError):
        return None
    return None if "\x00" in text else text


def _refuse(reason: str, status: int) -> HttpResponse:
    return JsonResponse({"error": reason}, status=status)
