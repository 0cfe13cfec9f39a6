"""Removes deleted data from the database's files as well, not only from its tables."""

from __future__ import annotations

from django.db import connection

PATIENCE, USUAL = 1_000, 30_000  # milliseconds


def wipe() -> None:
    """Empties SQLite's write-ahead log into the file, where deleted rows are overwritten.

    While another connection reads, some of the log stays until the next time.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {PATIENCE}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute(f"PRAGMA busy_timeout = {USUAL}")
