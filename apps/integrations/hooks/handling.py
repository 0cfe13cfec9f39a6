"""Handles stored deliveries: many in a transaction, and a failing one stops no others."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from apps.encryption import EncryptionKeyError
from apps.integrations.github import limits
from apps.integrations.hooks import essence
from apps.integrations.hooks.events import (
    GATHERING,
    HANDLERS,
    IGNORED,
    Delivered,
    Marks,
    PayloadError,
    id_of,
)
from apps.integrations.models import Hook, WebhookDelivery
from apps.integrations.storing.updating import update
from apps.integrations.work import leases
from apps.integrations.work.chores import Turn

log = logging.getLogger(__name__)

AT_ONCE = 100
GIVE_UP_AFTER = 5
KEPT = timedelta(days=30)
State = WebhookDelivery.State

_ACTION = re.compile(r"[a-z_]{1,60}")

_SETTLED = (
    *("action", "github_repo_id", "installation_id", "number", "happened_at"),
    *("state", "attempts", "error", "due_at", "handled_at"),
)


def turn(now: datetime) -> Turn:
    """Handles due deliveries, the oldest first, as many as fit into one transaction."""
    try:
        count = _handle_oldest(AT_ONCE, now)
    except (OperationalError, InterfaceError):
        raise
    except EncryptionKeyError:
        log.exception("A delivery cannot be read; each is read by itself.")
        count = _handle_oldest(AT_ONCE, now, by_itself=True)
    except DatabaseError:
        log.exception("Deliveries could not be handled together; the oldest is handled alone.")
        count = _handle_oldest(1, now)
    return Turn.DONE if count else Turn.NOTHING


def handle_all(hook: Hook) -> None:
    """Handles the remaining deliveries of a hook that is about to be deleted."""
    with transaction.atomic():
        rows = hook.deliveries.select_for_update(of=("self",)).select_related("hook")
        _handle(list(rows.filter(due_at__isnull=False)), datetime.now(UTC))


def hand_over(former: Hook, heir: Hook) -> None:
    """Handles a hook's deliveries and moves them to the hook that replaces it."""
    handle_all(former)
    _move(former, heir, former.github_repo_id)


def give_back(former: Hook) -> None:
    """The same for an organisation's hook, whose repositories have their own hooks again."""
    handle_all(former)
    ids = former.deliveries.order_by().values("github_repo_id").distinct()
    for heir in Hook.objects.filter(host=former.host, github_repo_id__in=ids):
        _move(former, heir, heir.github_repo_id)


def prune(now: datetime) -> None:
    """Deletes deliveries after thirty days."""
    WebhookDelivery.objects.filter(received_at__lt=now - KEPT).delete()


def _move(former: Hook, heir: Hook, github_repo_id: int | None) -> None:
    rows = former.deliveries.all()
    if former.organization_id:
        rows = rows.filter(github_repo_id=github_repo_id)
    # An event that both hooks received counts once.
    received = list(heir.deliveries.values_list("guid", flat=True))
    rows.exclude(guid__in=received).update(hook=heir, github_repo_id=github_repo_id)


@transaction.atomic
def _handle_oldest(count: int, now: datetime, *, by_itself: bool = False) -> int:
    rows: QuerySet[WebhookDelivery] = leases.lock_free(WebhookDelivery.objects.all())
    due = rows.filter(due_at__lte=now).select_related("hook").order_by("due_at")
    due = due.defer("payload") if by_itself else due
    return _handle(list(due[:count]), now)


def _handle(rows: Sequence[WebhookDelivery], now: datetime) -> int:
    marks = Marks()
    for row in rows:
        _handle_one(row, marks, now, is_alone=len(rows) == 1)
    marks.write()
    settled = {row.pk: [getattr(row, name) for name in _SETTLED] for row in rows}
    update(WebhookDelivery, _SETTLED, settled)
    done = [row.pk for row in rows if row.state in (State.HANDLED, State.IGNORED)]
    WebhookDelivery.objects.filter(pk__in=done).update(payload="")  # no longer needed
    return len(rows)


def _handle_one(row: WebhookDelivery, marks: Marks, now: datetime, *, is_alone: bool) -> None:
    """Handles one delivery; a failing one is retried, then set aside and shown."""
    row.attempts += 1
    try:
        if HANDLERS.get(row.event) in GATHERING and not is_alone:
            row.state = _run(row, marks)
        else:
            with transaction.atomic():
                row.state = _run(row, marks)
                marks.write()
        row.error, row.due_at, row.handled_at = "", None, now
    except (PayloadError, msgspec.DecodeError, RecursionError) as error:
        _set_aside(row, str(error), None)
    except (OperationalError, InterfaceError):
        raise  # An error of the database, not of the delivery: all are retried.
    except Exception as error:
        log.exception("Delivery %s failed.", row.guid)
        given_up = row.attempts >= GIVE_UP_AFTER
        again_at = None if given_up else now + limits.backoff(row.attempts + 2)
        _set_aside(row, f"{type(error).__name__}: {error}", again_at)


def _set_aside(row: WebhookDelivery, error: str, again_at: datetime | None) -> None:
    row.state, row.error, row.due_at = State.FAILED, error.replace("\x00", ""), again_at


def _run(row: WebhookDelivery, marks: Marks) -> str:
    payload = msgspec.json.decode(row.payload or essence.NOTHING)
    if not isinstance(payload, dict):
        raise PayloadError("The payload is no object.")
    action = payload.get("action")
    row.action = action if isinstance(action, str) and _ACTION.fullmatch(action) else ""
    row.github_repo_id = _repository_of(row.hook, payload)
    row.installation_id = id_of(payload, "installation") if row.hook.app_id else None
    if row.hook.confirmed_at is None:
        Hook.objects.filter(pk=row.hook_id).update(confirmed_at=row.received_at)
    handler = HANDLERS.get(row.event)
    if handler is None:
        if row.event not in IGNORED:
            log.warning("GitHub sends an event that tformance does not know: %s.", row.event)
        return State.IGNORED
    handler(Delivered(row, payload, marks))
    return State.HANDLED


def _repository_of(hook: Hook, payload: Mapping[str, Any]) -> int | None:
    """The repository of a payload, if it is one of the hook's."""
    number = id_of(payload, "repository")
    if hook.app_id:
        return number
    if hook.organization_id:
        is_ours = id_of(payload, "organization") == hook.organization_id
        return number if is_ours else None
    return number if number == hook.github_repo_id else None
