"""Each account's remaining rate limit, shared by all workers through the database."""

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
    """Our own records say to wait; no request was sent."""

    is_noted = True

    def __init__(self, until: datetime) -> None:
        super().__init__(REACHED, until, secondary=False)


def account_of(credential: IntegrationCredential) -> str:
    """The account whose budget a credential uses: GitHub counts per user or installation."""
    if credential.installation_id:
        return f"installation:{credential.installation_id}"
    if credential.account_id:
        return f"user:{credential.account_id}"
    return f"credential:{credential.pk}"


# Where a credential stores its account's number.
_COLUMNS = {"installation": "installation_id", "user": "account_id", "credential": "pk"}


def record_limit(account: str, limit: Limit) -> None:
    """Stores the remaining limit that a response reported."""
    key = _key(account, limit.resource)
    values = {"limit": limit.limit, "remaining": limit.remaining, "reset_at": limit.reset_at}
    if not RateBudget.objects.filter(**key).update(**values):
        RateBudget.objects.update_or_create(**key, defaults=values)


def block(account: str, wait: WaitError, now: datetime, resource: str = "graphql") -> datetime:
    """Blocks an account until the wait is over; a secondary limit blocks all kinds of requests."""
    resources = ("graphql", "core") if wait.secondary else (resource,)
    return max(_block(_key(account, each), wait, now) for each in resources)


def _block(key: dict[str, Any], wait: WaitError, now: datetime) -> datetime:
    """Longer each time in a row; several workers refused at the same time count once."""
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
    """After a good response: the next secondary limit starts with the shortest wait again."""
    _of_account(account).filter(blocks__gt=0).update(blocks=0)


def may_write(account: str, now: datetime) -> bool:
    """Takes the account's turn to write to GitHub: one a second, over all workers."""
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
    """Until when this account must wait; None if it may proceed."""
    return until(known_budget(account, resource), now, live=live)


def known_budget(account: str, resource: str = "graphql") -> RateBudget | None:
    """The known budget of an account; None before GitHub has reported any."""
    return RateBudget.objects.filter(**_key(account, resource)).first()


def until(budget: RateBudget | None, now: datetime, *, live: bool = False) -> datetime | None:
    """The same for a budget that was loaded already."""
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
    """Rows whose credential, found at `path`, belongs to an account that must wait."""
    rows = RateBudget.objects.filter(host=settings.GITHUB_URL, resource=resource)
    return _of_accounts(path, [row.account for row in rows if until(row, now, live=True)])


def wrote_just_now(path: str, now: datetime) -> Q:
    """Rows whose credential belongs to an account that has just written and must pause."""
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
        # An installation's budget is separate from that of its account's own tokens.
        if kind == "user":
            theirs &= Q(**{f"{path}__installation_id": None})
        found |= theirs
    return found


def _of_account(account: str) -> QuerySet[RateBudget]:
    return RateBudget.objects.filter(host=settings.GITHUB_URL, account=account)


def _key(account: str, resource: str = "graphql") -> dict[str, Any]:
    return {"host": settings.GITHUB_URL, "account": account, "resource": resource}
