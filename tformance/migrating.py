"""Migrates the database, one process at a time.

Containers that start together, or commands on a new database, would otherwise create the same
tables at once.
"""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

_LOCK = 7_067_310  # of PostgreSQL's advisory locks; no other program on this database may use it
_ASK_AGAIN = 0.5  # seconds
_TELL_AFTER = 5.0


def waiting() -> list[Migration]:
    """Unapplied migrations. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    return [each for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def migrate_if_needed() -> None:
    """Migrate if a migration waits; otherwise lock and change nothing. Raises DatabaseError."""
    if waiting():
        migrate()


def migrate(command: Any = "migrate", verbosity: int = 0) -> None:
    """Run Django's command, or an equivalent, once no other process does. Raises DatabaseError."""
    with _alone():
        call_command(command, interactive=False, verbosity=verbosity)


@contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor == "sqlite":
        with (settings.DATA_DIR / "migrate.lock").open("w") as lock:
            _wait_for(lambda: _has_locked(lock))
            yield
        return
    # A transaction of another connection, since migrations have transactions of their own. Asking
    # again, rather than waiting in the database, leaves the sessions of a small pool to the other.
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.set_autocommit(False)
        _wait_for(lambda: _has_locked_in(own))
        yield
    finally:
        own.close()


def _wait_for(lock: Callable[[], bool]) -> None:
    begun, is_told = time.monotonic(), False
    while not lock():
        if not is_told and time.monotonic() - begun >= _TELL_AFTER:
            is_told = True
            sys.stderr.write("tformance: Waiting for another process that migrates the database.\n")
            sys.stderr.flush()
        time.sleep(_ASK_AGAIN)


def _has_locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_locked_in(own: BaseDatabaseWrapper) -> bool:
    with own.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        has_locked = bool(cursor.fetchone()[0])
    if not has_locked:
        own.rollback()
    return has_locked
