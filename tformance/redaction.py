"""Keeps secrets out of logs and error reports, including those of libraries."""

from __future__ import annotations

import logging
import re
from collections.abc import ItemsView
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

from tformance.output import on_one_line

HIDDEN = "[hidden]"
LONGEST = 16_000  # characters kept at each end of a line
# Strangers can cause log lines too: each alternative begins with a fixed text and ends before
# another could begin, so that matching takes linear time.
_SECRETS = re.compile(
    r"""
    (?P<token> \b gh[a-z]_[\w.~+/-]{8,} | \b github_pat_\w{8,} | \b tfk_[\w-]{8,} )
  | (?P<header> \b (?:Bearer|Basic) \s+ ) [\w.~+/=-]{8,}
  | (?P<user> ://[^\s/@:]* ) : [^\s/@]+ @
  | (?P<name> \b (?:access_token|refresh_token|client_secret|code_verifier|secret|password)
      ["']? \s* [=:] \s* ["']? ) [^\s"'&,})]+
  | (?P<query> [?&] (?:code|state|key|token) = ) [^\s"'&]+
  | (?P<link> /(?:invitations|digest/off|confirm-email|reset/key)/ ) [^\s"'/?]+
  | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|$)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with anything like a secret replaced, and without the middle of a long line."""
    if len(text) <= 2 * LONGEST:
        return _SECRETS.sub(_replacement, text)
    # Half a secret would not match, nor one without the words before it ("password = …").
    first = text[:LONGEST].rpartition(" ")[0]
    last = text[-LONGEST:].split(" ", 3)[3:]
    left_out = "[the middle of a long line is left out]"
    return " ".join(redact(part) for part in (first, left_out, *last))


def _replacement(found: re.Match[str]) -> str:
    if found["user"]:
        return f"{found['user']}:{HIDDEN}@"
    before = (found[name] for name in ("header", "name", "query", "link"))
    return f"{next(filter(None, before), '')}{HIDDEN}"


class RedactingFormatter(logging.Formatter):
    """Redacts whole formatted lines, including the traceback; nothing is added afterwards.

    A log is also read in a terminal: foreign text can neither control it nor begin a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line as written; those of a traceback are indented."""
        return "\n  ".join(map(on_one_line, redact(super().format(record)).split("\n")))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as its base has it
        """The line without a traceback."""
        return on_one_line(redact(super().formatMessage(record)))


class ReportFilter(SafeExceptionReporterFilter):
    """Hides settings and variables that could hold a secret from error reports."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|DATABASE|REDIS|BROKER|CACHES|EMAIL|GRANT"
        "|HEADERS|CREDENTIAL|VERIFIER|BODY|PAYLOAD|SOCIALACCOUNT",
        re.IGNORECASE,
    )

    def is_active(self, request: object) -> bool:
        """Also with DEBUG: error pages get pasted elsewhere."""
        return True

    def get_traceback_frame_variables(
        self, request: object, tb_frame: object
    ) -> ItemsView[str, Any]:
        """No local variables: any of them can hold a token."""
        return dict[str, Any]().items()
