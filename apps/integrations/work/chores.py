"""One way to do due work: find it, claim it, call GitHub within its limits, handle refusals.

A package says what to do and how; when, by whom and how often to retry is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.integrations.github.errors import GitHubError, UnavailableError
from apps.integrations.models import IntegrationCredential
from apps.integrations.work import budget, leases, policy
from apps.integrations.work.leases import Claim, LeaseLostError
from apps.integrations.work.policy import Kind, Verdict

log = logging.getLogger(__name__)

AT_LEAST = timedelta(minutes=1)
M = TypeVar("M", bound=Model)


class Turn(IntEnum):
    """The result of a look for due work."""

    NOTHING = 0
    SOON = 1  # Only an account's next second is waited for.
    DONE = 2


def nothing_to_store(row: Any, error: GitHubError, verdict: Verdict) -> None:
    """For a chore whose refusals need not be shown."""


def level_of(error: GitHubError) -> int:
    """An outage is a warning; a limit or a refusal is normal, and shown on a page."""
    return logging.WARNING if isinstance(error, UnavailableError) else logging.INFO


@dataclass(frozen=True)
class Chore(Generic[M]):
    """Work done for rows, one at a time; `credential` is a lookup from the row.

    `do` raises a `GitHubError` if GitHub refused; `store_error` then stores what pages show of it.
    `writes`: it changes something on GitHub, which is limited to one a second. `pause`: how long to
    wait after consecutive refusals that only people can fix; else the package decides.
    """

    name: str
    wanted: Callable[[datetime], QuerySet[M]]
    do: Callable[[M, datetime], None]
    credential: str = ""
    resource: str = "graphql"
    writes: bool = False
    store_error: Callable[[M, GitHubError, Verdict], None] = nothing_to_store
    pause: Callable[[M, int], timedelta] | None = None

    def turn(self, now: datetime) -> Turn:
        """Does it for one row, if one is due."""
        wanted = self.wanted(now)
        if not wanted.exists():  # The usual case; it saves queries for budgets and leases.
            return Turn.NOTHING
        rows = self._allowed(wanted, now)
        ready = rows.exclude(budget.wrote_just_now(self.credential, now)) if self.writes else rows
        found = leases.claim(self.name, ready)
        if found is None:
            is_soon = self.writes and leases.free(self.name, rows).exists()
            return Turn.SOON if is_soon else Turn.NOTHING
        row, claim = found
        if self.writes and not budget.may_write(self._account(row), now):
            claim.release()
            return Turn.SOON
        self.attempt(row, claim, now)
        return Turn.DONE

    def turn_or_soon(self, now: datetime) -> Turn:
        """The same for a chore that schedules its rows a second later: one may be due by then."""
        done = self.turn(now)
        soon = leases.free(self.name, self.wanted(now + budget.BETWEEN_WRITES))
        return Turn.SOON if done is Turn.NOTHING and soon.exists() else done

    def attempt(self, row: M, claim: Claim, now: datetime) -> Verdict | None:
        """Does it for a claimed row; returns the verdict if GitHub refused."""
        try:
            with claim.held():
                self.do(row, now)
        except LeaseLostError:
            log.info("%s of %s was taken over by another worker.", self.name, row)
        except GitHubError as error:
            return self._answer(row, claim, error)
        except (OperationalError, InterfaceError):
            raise  # If the database is down, nothing can be stored: the lease expires.
        except Exception as error:
            log.exception("%s of %s failed.", self.name, row)
            ours = UnavailableError(f"tformance could not process GitHub's response ({error}).")
            return self._answer(row, claim, ours)
        else:
            claim.release()
        return None

    def _allowed(self, rows: QuerySet[M], now: datetime) -> QuerySet[M]:
        """The wanted rows, without those that GitHub would refuse."""
        if not self.credential:
            return rows
        return rows.exclude(budget.is_waiting(self.credential, now, self.resource)).filter(
            **{f"{self.credential}__rejected_at": None}
        )

    def _answer(self, row: M, claim: Claim, error: GitHubError) -> Verdict:
        log.log(level_of(error), "%s of %s: %s", self.name, row, error)
        verdict = policy.answer(error, claim.failures, self._credential(row))
        self.store_error(row, error, verdict)
        if verdict.again_at:
            claim.postpone(verdict.again_at, verdict.failures)
        elif self.pause:
            failures = claim.failures + 1
            claim.postpone(timezone.now() + self.pause(row, failures), failures)
        elif verdict.kind is Kind.PERMANENT and self._is_wanted(row):
            # The row may be wanted again at once, but not in a tight loop.
            claim.postpone(timezone.now() + AT_LEAST)
        else:
            claim.release()
        return verdict

    def _is_wanted(self, row: M) -> bool:
        return self.wanted(timezone.now()).filter(pk=row.pk).exists()

    def _credential(self, row: M) -> IntegrationCredential | None:
        if not self.credential:
            return None
        found: IntegrationCredential | None = attrgetter(self.credential.replace("__", "."))(row)
        return found

    def _account(self, row: M) -> str:
        credential = self._credential(row)
        return budget.account_of(credential) if credential else ""
