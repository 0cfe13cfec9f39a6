"""Every GitHub client of the program is opened here.

The client records the account's budget from each response, sends nothing while the account must
wait, paces writes, and renews the worker's lease. No caller can forget any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from apps.integrations.access import schema
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import WaitError
from apps.integrations.github.limits import Limit
from apps.integrations.github.tokens import FixedToken, TokenSource
from apps.integrations.models import RateBudget
from apps.integrations.work import budget, leases

READS = ("GET", "HEAD")
# Creating a token changes nothing that users see, and hundreds may be due at once.
UNPACED = ("/access_tokens", "/graphql")


def _always() -> bool:
    return True


@dataclass
class _Gate:
    """Checks before each request and records after each response, for one account."""

    account: str
    is_live: Callable[[], bool]
    has_turn: bool
    known: RateBudget | None = None

    def before(self, method: str, url: str, resource: str) -> None:
        leases.renew_held()
        if not self.account:
            return
        self.known = budget.known_budget(self.account, resource)
        # Only if needed: finding out whether it is live may take a query.
        until = budget.until(self.known, _now())
        if until and (until := budget.until(self.known, _now(), live=self.is_live())):
            raise budget.OwnWaitError(until)
        if method not in READS and not url.endswith(UNPACED):
            if not self.has_turn:
                budget.wait_to_write(self.account)
            self.has_turn = False

    def note(self, limit: Limit) -> None:
        if self.account:
            budget.record_limit(self.account, limit)

    def answered(self) -> None:
        if self.known and self.known.blocks:
            budget.unblock(self.account)

    def refused(self, wait: WaitError, resource: str) -> None:
        if self.account and not wait.is_noted:
            wait.until = budget.block(self.account, wait, _now(), resource)
            wait.is_noted = True


def open_github(
    tokens: TokenSource,
    account: str = "",
    *,
    is_live: Callable[[], bool] = _always,
    has_turn: bool = False,
) -> GitHub:
    """A GitHub client; use it in `with`. `account` is the account whose budget it uses.

    `is_live` tells whether the next request may use the budget's reserve; `has_turn` that the turn
    for the first write was taken already.
    """
    gate = _Gate(account, is_live, has_turn)
    return GitHub(
        settings.GITHUB_URL,
        tokens,
        before_request=gate.before,
        on_limit=gate.note,
        on_good_reply=gate.answered,
        on_wait=gate.refused,
        ca_file=settings.GITHUB_CA_FILE,
        later_events=schema.known_events(),
        on_later_events=schema.keep_events,
    )


def with_token(token: str, account: str = "") -> GitHub:
    """A client for a token that is not stored yet."""
    return open_github(FixedToken(token), account)


def _now() -> datetime:
    return datetime.now(UTC)
