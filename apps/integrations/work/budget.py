"""What GitHub still grants each account, shared by all workers through the database."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from apps.integrations.github.errors import WaitError
from apps.integrations.github.limits import Limit
from apps.integrations.models import IntegrationCredential, RateBudget
from apps.pauses import growing

# Kept for live updates, so that a backfill never starves them.
RESERVE = 0.1
BETWEEN_WRITES = timedelta(seconds=1)
LONGEST_BLOCK = timedelta(hours=1)
PATIENCE = 3.0  # seconds that a worker waits for its turn to write
REACHED = "GitHub's rate limit is reached."


class OwnWaitError(WaitError):
    """Our own books say to wait; GitHub was not asked."""

    is_noted = True

    def __init__(self, until: datetime) -> None:
        super().__init__(REACHED, until, secondary=False)


def account_of(credential: IntegrationCredential) -> str:
    """Whose budget a credential draws on: GitHub counts per user or installation, not per token."""
    if credential.installation_id:
        return f"installation:{credential.installation_id}"
    if credential.account_id:
        return f"user:{credential.account_id}"
    return f"credential:{credential.pk}"


# Where an account's number stands in its credential.
_COLUMNS = {"installation": "installation_id", "user": "account_id", "credential": "pk"}


def record_limit(account: str, limit: Limit) -> None:
    """Remembers what a reply said is left."""
    key = _key(account, limit.resource)
    told = {"limit": limit.limit, "remaining": limit.remaining, "reset_at": limit.reset_at}
    if not RateBudget.objects.filter(**key).update(**told):
        RateBudget.objects.update_or_create(**key, defaults=told)


def block(account: str, wait: WaitError, now: datetime, resource: str = "graphql") -> datetime:
    """Stops an account's work until the wait is over; a secondary limit stops all kinds of it."""
    resources = ("graphql", "core") if wait.secondary else (resource,)
    return max(_block(_key(account, each), wait, now) for each in resources)


def _block(key: dict[str, Any], wait: WaitError, now: datetime) -> datetime:
    """Longer each time in a row; what several workers are told at the same time counts once."""
    budget, _ = RateBudget.objects.get_or_create(**key)
    if budget.blocked_until and budget.blocked_until > now:
        return max(budget.blocked_until, wait.until)
    if not wait.secondary:
        RateBudget.objects.filter(pk=budget.pk).update(blocked_until=wait.until)
        return wait.until
    longer = now + growing(wait.until - now, LONGEST_BLOCK, budget.blocks)
    until = max(wait.until, longer)
    RateBudget.objects.filter(pk=budget.pk).update(blocked_until=until, blocks=F("blocks") + 1)
    return until


def unblock(account: str) -> None:
    """After a good reply: the next secondary limit begins with the shortest wait again."""
    _of_account(account).filter(blocks__gt=0).update(blocks=0)


def may_write(account: str, now: datetime) -> bool:
    """Takes the account's turn to change something on GitHub: one a second, over all workers."""
    budget, _ = RateBudget.objects.get_or_create(**_key(account, "core"))
    free = Q(written_at__isnull=True) | Q(written_at__lte=now - BETWEEN_WRITES)
    return bool(RateBudget.objects.filter(free, pk=budget.pk).update(written_at=now))


def wait_to_write(account: str) -> None:
    """Waits for the account's turn, a few seconds at most. Raises OwnWaitError."""
    ends = time.monotonic() + PATIENCE
    while not may_write(account, datetime.now(UTC)):
        if time.monotonic() > ends:
            raise OwnWaitError(datetime.now(UTC) + BETWEEN_WRITES)
        time.sleep(0.1)


def wait_for(
    account: str, now: datetime, *, live: bool = False, resource: str = "graphql"
) -> datetime | None:
    """Until when this account's work must wait; None where it may go on now."""
    return until(known_budget(account, resource), now, live=live)


def known_budget(account: str, resource: str = "graphql") -> RateBudget | None:
    """What is known of an account's budget; None before GitHub has told anything."""
    return RateBudget.objects.filter(**_key(account, resource)).first()


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


def is_waiting(path: str, now: datetime, resource: str) -> Q:
    """Rows whose credential, to be found at `path`, is one of an account that must wait."""
    rows = RateBudget.objects.filter(host=settings.GITHUB_URL, resource=resource)
    return _of_accounts(path, [row.account for row in rows if until(row, now, live=True)])


def wrote_just_now(path: str, now: datetime) -> Q:
    """Rows whose credential is one of an account whose turn to write comes in a moment."""
    rows = RateBudget.objects.filter(
        host=settings.GITHUB_URL, resource="core", written_at__gt=now - BETWEEN_WRITES
    )
    return _of_accounts(path, rows.values_list("account", flat=True))


def _of_accounts(path: str, accounts: Any) -> Q:
    numbers: dict[str, list[int]] = defaultdict(list)
    for account in accounts:
        kind, _, number = account.partition(":")
        if kind in _COLUMNS and number.isdigit():
            numbers[kind].append(int(number))
    found = Q(pk__in=[])
    for kind, some in numbers.items():
        theirs = Q(**{f"{path}__{_COLUMNS[kind]}__in": some})
        # What an installation draws on is not what its account's own tokens draw on.
        if kind == "user":
            theirs &= Q(**{f"{path}__installation_id": None})
        found |= theirs
    return found


def _of_account(account: str) -> QuerySet[RateBudget]:
    return RateBudget.objects.filter(host=settings.GITHUB_URL, account=account)


def _key(account: str, resource: str = "graphql") -> dict[str, Any]:
    return {"host": settings.GITHUB_URL, "account": account, "resource": resource}
