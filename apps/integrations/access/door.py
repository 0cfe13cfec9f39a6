"""The one door to GitHub: every conversation of the program is opened here.

It keeps the account's budget with each reply, asks nothing while the account must wait, keeps the
pace of writes, and renews what the worker holds. So no caller can forget any of it.
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
# Making a token changes nothing that anybody sees, and hundreds may be due at the same time.
UNPACED = ("/access_tokens", "/graphql")


def _always() -> bool:
    return True


@dataclass
class _Gate:
    """What is between a conversation and GitHub, for one account."""

    account: str
    is_live: Callable[[], bool]
    has_turn: bool
    known: RateBudget | None = None

    def before(self, method: str, url: str, resource: str) -> None:
        leases.renew_held()
        if not self.account:
            return
        self.known = budget.known_budget(self.account, resource)
        # Only where it matters: whether it is live may be a question to the database.
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
    """A conversation with GitHub; use it in `with`. `account` is whose budget it draws on.

    `is_live` says of the next request whether it may draw on the budget's reserve; `has_turn` that
    the first write's turn was taken already.
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
    """A conversation by a token that is stored nowhere yet."""
    return open_github(FixedToken(token), account)


def _now() -> datetime:
    return datetime.now(UTC)
