"""What GitHub still grants each account, shared by all workers through the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from apps.integrations.github.errors import WaitError
from apps.integrations.github.limits import Limit
from apps.integrations.models import IntegrationCredential, RateBudget

# Kept for live updates, so that a backfill never starves them.
RESERVE = 0.1
BETWEEN_WRITES = timedelta(seconds=1)
LONGEST_BLOCK = timedelta(hours=1)


def account_of(credential: IntegrationCredential) -> str:
    """Whose budget a credential draws on: GitHub counts per user or installation, not per token."""
    if credential.installation_id:
        return f"installation:{credential.installation_id}"
    if credential.account_id:
        return f"user:{credential.account_id}"
    return f"credential:{credential.pk}"


def note(credential: IntegrationCredential, limit: Limit) -> None:
    """Remembers what a reply said is left; a good reply also ends a series of secondary limits."""
    key = _key(credential, limit.resource)
    told = {"limit": limit.limit, "remaining": limit.remaining, "reset_at": limit.reset_at}
    if not RateBudget.objects.filter(**key).update(**told):
        RateBudget.objects.update_or_create(**key, defaults=told)


def block(
    credential: IntegrationCredential, wait: WaitError, now: datetime, resource: str = "graphql"
) -> datetime:
    """Stops an account's work until the wait is over; a secondary limit stops all kinds of it."""
    resources = ("graphql", "core") if wait.secondary else (resource,)
    return max(_block(_key(credential, each), wait, now) for each in resources)


def _block(key: dict[str, Any], wait: WaitError, now: datetime) -> datetime:
    """Longer each time in a row; what several workers are told at the same time counts once."""
    budget, _ = RateBudget.objects.get_or_create(**key)
    if budget.blocked_until and budget.blocked_until > now:
        return max(budget.blocked_until, wait.until)
    if not wait.secondary:
        RateBudget.objects.filter(pk=budget.pk).update(blocked_until=wait.until)
        return wait.until
    longer = now + min(LONGEST_BLOCK, (wait.until - now) * 2.0 ** min(budget.blocks, 6))
    until = max(wait.until, longer)
    RateBudget.objects.filter(pk=budget.pk).update(blocked_until=until, blocks=F("blocks") + 1)
    return until


def unblock(credential: IntegrationCredential) -> None:
    """After a good reply: the next secondary limit begins with the shortest wait again."""
    rows = RateBudget.objects.filter(host=settings.GITHUB_URL, account=account_of(credential))
    rows.filter(blocks__gt=0).update(blocks=0)


def may_write(credential: IntegrationCredential, now: datetime) -> bool:
    """Takes the account's turn to change something on GitHub: one a second, over all workers."""
    budget, _ = RateBudget.objects.get_or_create(**_key(credential, "core"))
    free = Q(written_at__isnull=True) | Q(written_at__lte=now - BETWEEN_WRITES)
    return bool(RateBudget.objects.filter(free, pk=budget.pk).update(written_at=now))


def wait_for(
    credential: IntegrationCredential,
    now: datetime,
    *,
    live: bool = False,
    resource: str = "graphql",
) -> datetime | None:
    """Until when this account's work must wait; None where it may go on now."""
    return until(of(credential, resource), now, live=live)


def of(credential: IntegrationCredential, resource: str = "graphql") -> RateBudget | None:
    """What is known of an account's budget; None before GitHub has told anything."""
    return RateBudget.objects.filter(**_key(credential, resource)).first()


def until(budget: RateBudget | None, now: datetime, *, live: bool = False) -> datetime | None:
    """The same of a budget that was read already."""
    if budget is None:
        return None
    if budget.blocked_until and budget.blocked_until > now:
        return budget.blocked_until
    reserve = 0 if live else int((budget.limit or 0) * RESERVE)
    known = budget.remaining is not None and budget.reset_at and budget.reset_at > now
    if known and (budget.remaining or 0) <= reserve:
        return budget.reset_at
    return None


def _key(credential: IntegrationCredential, resource: str = "graphql") -> dict[str, Any]:
    return {
        "host": settings.GITHUB_URL,
        "account": account_of(credential),
        "resource": resource,
    }
