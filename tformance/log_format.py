"""Lines of the log as JSON, for programs that gather them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from apps import log_ids
from tformance.redaction import redact


class JsonFormatter(logging.Formatter):
    """An object a line: when, how bad, who says it, what, and what it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Redacted like any other line, traceback and all."""
        line: dict[str, str | int] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **log_ids.current(),
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
