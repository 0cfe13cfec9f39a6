"""An outage of the database is no error of ours: it is recognised here, and logged once a minute.

Every request and every task fails meanwhile, and each would log a traceback.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from http import HTTPStatus

from django.db import Error, InterfaceError, OperationalError

TELL_EVERY = 60.0  # seconds, in each process
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, resources, operator's
# intervention (but not a statement that took too long), system, internal.
_POSTGRES = ("08", "53", "57", "58", "XX")
_TOO_SLOW, _READ_ONLY = "57014", "25006"
_MISSING = ("42P01", "42703")  # a table, a column
# https://www.sqlite.org/rescode.html
_SQLITE = (
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB),
)

log = logging.getLogger(__name__)


def reason(error: BaseException | None) -> str:
    """Why the database cannot be used; empty if it can, and what was asked of it is at fault."""
    if not isinstance(error, Error):
        return ""
    if _is_away(error):
        return " ".join(str(error).split())
    if _misses_something(error) and _lacks_migrations():
        return "its tables are not up to date; run `tformance release`"
    return ""


class ToldOnce(logging.Filter):
    """For a handler: one line a minute in place of each traceback of an outage."""

    told_at = -TELL_EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        why = reason(record.exc_info[1]) if record.exc_info else ""
        if why and time.monotonic() - self.told_at >= TELL_EVERY:
            self.told_at = time.monotonic()
            log.warning("The database cannot be used: %s", why)
        # What answers 503 has said why, as has `/health/ready`.
        return not why and getattr(record, "status_code", 0) != HTTPStatus.SERVICE_UNAVAILABLE


def _is_away(error: Error) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _SQLITE
    state = getattr(cause, "sqlstate", None)
    if state is None:  # no connection, or none any more
        return isinstance(error, (OperationalError, InterfaceError))
    return bool(state == _READ_ONLY or (state.startswith(_POSTGRES) and state != _TOO_SLOW))


def _misses_something(error: Error) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return str(cause).startswith("no such ")
    return getattr(cause, "sqlstate", None) in _MISSING


def _sqlite_code(error: sqlite3.Error) -> int:
    """Its primary code; 0 for an error of Python's module."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _lacks_migrations() -> bool:
    from tformance import health

    return health.database() == "migrations missing"
