"""Log lines as JSON for log collectors, and refused requests in a line each."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from http import HTTPStatus

from apps import log_ids
from tformance.output import visible
from tformance.redaction import redact


class RefusalsInALine(logging.Filter):
    """Drops tracebacks of refused requests (400 to 499), with which a stranger could fill a log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: each is written."""
        status = getattr(record, "status_code", 0)
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message and context."""

    def format(self, record: logging.LogRecord) -> str:
        """Redacted like any other line, including the traceback."""
        line: dict[str, str | int] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **log_ids.current(),
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        return visible(json.dumps(line, ensure_ascii=False))
