"""Requests redelivery of what GitHub could not deliver, from its list of three days.

https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from apps.integrations.github.client import GitHub, Reply
from apps.integrations.github.errors import NotFoundError
from apps.integrations.github.hooks import Attempt, attempts
from apps.integrations.models import Hook, MissedDelivery, WebhookDelivery

# An attempt is listed when it ends, which may be a while after it began.
OVERLAP = timedelta(minutes=5)
LISTED = timedelta(days=3)
MOST_TRIES = 3
LONGEST_ETAG = 255
AGAIN_AFTER = timedelta(minutes=10)


def redeliver(github: GitHub, path: str, hook: Hook, now: datetime) -> datetime | None:
    """Reads what is new in GitHub's list at `path` and requests one missed delivery again.

    Returns when to request the next one; None if nothing is missing.
    """
    if not is_waiting(hook, now):
        _read(github, path, hook)
    _let_go(hook, now)
    if missed := _next(hook, now):
        # Counted first, so that a later failure cannot repeat the request forever.
        missed.asked += 1
        is_last = missed.asked >= MOST_TRIES
        missed.due_at = None if is_last else now + AGAIN_AFTER * 2**missed.asked
        missed.save()
        try:
            github.rest("POST", f"{path}/{missed.attempt_id}/attempts")
        except NotFoundError:
            missed.delete()  # GitHub no longer keeps it, or the hook was recreated since.
    following = hook.missed.filter(due_at__isnull=False).order_by("due_at").first()
    return following.due_at if following else None


def is_waiting(hook: Hook, now: datetime) -> bool:
    """Whether a known missed delivery is to be requested."""
    return _next(hook, now) is not None


def _next(hook: Hook, now: datetime) -> MissedDelivery | None:
    return hook.missed.filter(due_at__lte=now).order_by("missed_at", "pk").first()


def _read(github: GitHub, path: str, hook: Hook) -> None:
    """Stores failed attempts, back to what was read before.

    All attempts are read, since GitHub's filter for failures leaves out time-outs.
    """
    first = github.get_page(path, etag=hook.deliveries_etag, per_page=100)
    if first.is_unchanged:
        return  # The newest comes first: nothing is new.
    etag = first.etag if len(first.etag) <= LONGEST_ETAG else ""
    newest = hook.listed_until
    delivered: set[str] = set()
    failed: dict[str, tuple[Attempt, datetime]] = {}
    for attempt in _since(github, first, hook.listed_until):
        at = attempt.delivered_at
        newest = max(filter(None, (newest, at)))
        if attempt.has_succeeded:
            delivered.add(attempt.guid)
        else:
            # The newest attempt is the first in the list; the oldest has the time of the event.
            latest = failed.get(attempt.guid, (attempt, at))[0]
            failed[attempt.guid] = (latest, at)
    known = WebhookDelivery.objects.filter(hook=hook, guid__in=list(failed))
    delivered |= set(known.values_list("guid", flat=True))
    hook.missed.filter(guid__in=delivered).delete()
    for guid, (attempt, at) in failed.items():
        if guid not in delivered:
            _store_attempt(hook, guid, attempt, at)
    Hook.objects.filter(pk=hook.pk).update(listed_until=newest, deliveries_etag=etag)
    hook.listed_until, hook.deliveries_etag = newest, etag


def _since(github: GitHub, first: Reply, since: datetime | None) -> Iterator[Attempt]:
    """Attempts, newest first, down to what was read before."""
    for attempt in attempts(github, first):
        if since and attempt.delivered_at < since - OVERLAP:
            return
        yield attempt


def _store_attempt(hook: Hook, guid: str, attempt: Attempt, at: datetime) -> None:
    row, _ = MissedDelivery.objects.get_or_create(
        hook=hook, guid=guid, defaults={"attempt_id": attempt.id, "missed_at": at, "due_at": at}
    )
    row.attempt_id = attempt.id
    row.event = (attempt.event or "")[:60]
    row.status = (attempt.status or "")[:100]
    row.installation_id = attempt.installation_id
    row.save(update_fields=["attempt_id", "event", "status", "installation_id"])


def _let_go(hook: Hook, now: datetime) -> None:
    """Deletes missed deliveries that have arrived meanwhile or that GitHub no longer lists."""
    come = WebhookDelivery.objects.filter(hook=hook, guid__in=hook.missed.values("guid"))
    hook.missed.filter(guid__in=come.values("guid")).delete()
    hook.missed.filter(missed_at__lt=now - LISTED).delete()
