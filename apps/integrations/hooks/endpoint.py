"""`POST /webhooks/github/`: verifies, stores and responds. `events` interprets the delivery."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

from django.db import DatabaseError, IntegrityError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.encryption import EncryptionKeyError
from apps.integrations.github.reading import tidied
from apps.integrations.hooks import essence, signers
from apps.integrations.models import WebhookDelivery
from apps.integrations.nudge import nudge_soon
from apps.measures import DELIVERIES

LARGEST = 25 * 2**20  # bytes; GitHub sends nothing larger

_FORM = "application/x-www-form-urlencoded"
log = logging.getLogger(__name__)
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_EVENT = re.compile(r"[a-z0-9_]{1,60}")


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """202 for a delivery of one of our hooks, 401 for anything else, 503 if it cannot be stored."""
    answer = _receive(request)
    DELIVERIES.labels(str(answer.status_code)).inc()
    return answer


def _receive(request: HttpRequest) -> HttpResponse:
    try:
        body = _body(request)
    except (ValueError, UnreadablePostError):
        return _refuse("The body is not as long as the request says.", 400)
    if len(body) > LARGEST:
        return _refuse("The payload is larger than 25 MB.", 413)
    try:
        while hook_id := signers.signing_hook(request, body):
            if answer := _keep(hook_id, request, body):
                return answer
            signers.forget(hook_id)  # The hook was deleted since it was looked up.
        return _refuse("No hook of this server signed this.", 401)
    except (DatabaseError, InterfaceError, EncryptionKeyError):
        log.exception("A delivery could not be stored.")
        return _refuse("This cannot be kept now; deliver it again later.", 503)


def _body(request: HttpRequest) -> bytes:
    """The body, read just far enough to detect one that is too long. Raises ValueError.

    Not `request.body`, whose limit is meant for forms.
    """
    if request.META.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in request.META:
        # A chunked request has no length header; the server knows where it ends.
        return bytes(request.META["wsgi.input"].read(LARGEST + 1))
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length < 0:
        raise ValueError("A length below zero.")
    if length > LARGEST:
        return b" " * (LARGEST + 1)
    return request.read(LARGEST + 1)


def _keep(hook_id: int, request: HttpRequest, body: bytes) -> HttpResponse | None:
    """Stores a delivery; None if the hook no longer exists."""
    guid = request.headers.get("X-GitHub-Delivery", "")
    event = request.headers.get("X-GitHub-Event", "")
    payload = _payload(request, body)
    if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event) or payload is None:
        return _refuse("This is no delivery as GitHub makes them.", 400)
    now = datetime.now(UTC)
    kept = essence.reduce_payload(event, payload)
    row = WebhookDelivery(
        hook_id=hook_id, guid=guid, event=event, payload=kept, received_at=now, due_at=now
    )
    try:
        row.save(force_insert=True)
    except IntegrityError:
        if not _renew(hook_id, guid, now):
            return None
    nudge_soon()
    return JsonResponse({"delivery": guid}, status=202)


def _renew(hook_id: int, guid: str, now: datetime) -> bool:
    """Redelivering a failed delivery retries it; any other redelivery does nothing.

    False if there is no such delivery: the hook was just deleted.
    """
    former = WebhookDelivery.objects.filter(hook_id=hook_id, guid=guid)
    former.filter(state=WebhookDelivery.State.FAILED, due_at__isnull=True).update(
        state=WebhookDelivery.State.RECEIVED, due_at=now, attempts=0
    )
    return former.exists()


def _payload(request: HttpRequest, body: bytes) -> str | None:
    """The JSON as text, whatever bytes titles hold; None if there is none."""
    if request.content_type not in ("application/json", _FORM):
        return None
    if request.content_type == _FORM:
        form = body.decode(errors="replace")
        try:
            body = parse_qs(form, strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        except (ValueError, KeyError):
            return None
    return tidied(body).decode()


def _refuse(reason: str, status: int) -> HttpResponse:
    return JsonResponse({"error": reason}, status=status)
