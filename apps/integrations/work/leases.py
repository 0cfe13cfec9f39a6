"""One kind of claim for all chores: a row is leased, so that no two workers do the same.

All times of a lease are the database's, so a worker's clock does not matter. A lease is short and
is renewed while it is held: by each request, by each stored page, and by a heartbeat during a
request. A killed worker is soon replaced by another.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from apps.integrations.models import Lease

log = logging.getLogger(__name__)

LENGTH = timedelta(seconds=20)
BEAT = 5.0  # seconds between renewals while nothing else renews it
LOOKED_AT = 10
FORGOTTEN_AFTER = timedelta(days=7)
M = TypeVar("M", bound=Model)

_held: ContextVar[Claim | None] = ContextVar("held", default=None)


class LeaseLostError(Exception):
    """Another worker has taken over the row; what this one fetched is discarded."""


@dataclass(frozen=True)
class Claim:
    """A row claimed by this worker; `failures` counts consecutive earlier failures."""

    chore: str
    key: int
    owner: str
    failures: int = 0

    def renew(self) -> None:
        """Extends the lease. Within a transaction no other worker can take the row until the end.

        Raises LeaseLostError.
        """
        if not self._mine().update(until=_later()):
            raise LeaseLostError

    def release(self) -> None:
        """Releases the row: it is done, or other workers may continue."""
        self._mine().delete()

    def postpone(self, until: datetime | None, failures: int = 0) -> None:
        """Releases the row after a failure: no worker takes it before `until`."""
        self._mine().update(owner="", until=None, not_before=until, failures=failures)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the lease alive inside the block, in which each request renews it as well."""
        done = Event()
        # A plain thread, no pool: at exit the program would wait for a pool's threads.
        Thread(target=self._beat, args=[done], daemon=True).start()
        token = _held.set(self)
        try:
            yield
        finally:
            _held.reset(token)
            done.set()

    def _beat(self, done: Event) -> None:
        while not done.wait(BEAT):
            try:
                # The worker notices a lost lease at its next request or page.
                self._mine().update(until=_later())
            except (DatabaseError, InterfaceError) as error:
                log.info("The lease of %s %s was not renewed: %s", self.chore, self.key, error)
            finally:
                connection.close()  # this thread's own connection

    def _mine(self) -> QuerySet[Lease]:
        return Lease.objects.filter(chore=self.chore, key=self.key, owner=self.owner)


def renew_held() -> None:
    """Renews the lease that this worker holds, if any. Raises LeaseLostError."""
    if claim := _held.get():
        claim.renew()


def free(chore: str, rows: QuerySet[M]) -> QuerySet[M]:
    """Rows that no worker holds and that may be tried again."""
    taken = Lease.objects.filter(
        Q(until__gte=Now()) | Q(not_before__gt=Now()), chore=chore, key=OuterRef("pk")
    )
    return rows.filter(~Exists(taken))


def has_failed(chore: str) -> Exists:
    """For a query of rows: whether the last attempt failed and another will follow."""
    return Exists(Lease.objects.filter(chore=chore, key=OuterRef("pk"), failures__gt=0))


def rests(chore: str, key: int) -> bool:
    """Whether a row is not to be tried again yet."""
    return Lease.objects.filter(chore=chore, key=key, not_before__gt=Now()).exists()


def held(chore: str) -> QuerySet[Lease]:
    """A chore's current leases."""
    return Lease.objects.filter(chore=chore, until__gte=Now())


def claim(chore: str, wanted: QuerySet[M]) -> tuple[M, Claim] | None:
    """Claims the first free row; None if there is none."""
    for key in free(chore, wanted).values_list("pk", flat=True)[:LOOKED_AT]:
        if taken := claim_row(chore, key):
            # Another worker may have just done it.
            row = wanted.filter(pk=key).first()
            if row is not None:
                return row, taken
            taken.release()
    return None


def claim_row(chore: str, key: int, *, at_once: bool = False) -> Claim | None:
    """Claims one row, if it is free; `at_once` ignores the wait after a failure."""
    mine = Lease.objects.filter(chore=chore, key=key)
    owner = uuid.uuid4().hex
    is_free = Q(until=None) | Q(until__lt=Now())
    if not at_once:
        is_free &= Q(not_before=None) | Q(not_before__lte=Now())
    if not mine.filter(is_free).update(owner=owner, until=_later()):
        fresh = Lease(chore=chore, key=key, owner=owner, until=_later())
        Lease.objects.bulk_create([fresh], ignore_conflicts=True)
    row = mine.filter(owner=owner).first()
    return Claim(chore, key, owner, row.failures) if row else None


def lock_free(rows: QuerySet[M]) -> QuerySet[M]:
    """For work within one transaction: its rows, without those that another worker has locked."""
    return rows.select_for_update(skip_locked=True, of=("self",))


def forgive(chore: str, keys: Iterable[int]) -> None:
    """Lets a failed row be retried now, at a user's request or after a fix."""
    is_idle = Q(until=None) | Q(until__lt=Now())
    Lease.objects.filter(is_idle, chore=chore, key__in=list(keys)).delete()


def prune() -> None:
    """Deletes leases that no worker holds or waits for."""
    long_ago = Now() - FORGOTTEN_AFTER
    is_over = Q(not_before=None) | Q(not_before__lt=long_ago)
    is_idle = Q(until=None) | Q(until__lt=long_ago)
    Lease.objects.filter(is_over, is_idle).delete()


def _later() -> Any:
    return Now() + LENGTH
