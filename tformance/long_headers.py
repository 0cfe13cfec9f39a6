"""Refuses long headers before they are parsed: 60 KB of commas took a fifth of a second.

A limit of each, since the sum of many may be larger. Django reads some of them for every request,
health checks too, before any middleware could refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST = 8_000  # characters, as proxies allow by default
_HEADERS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")
_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def bounded(application: WSGIApplication) -> WSGIApplication:
    """The application, for requests whose headers and query are short enough."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if len(environ.get("QUERY_STRING", "")) > LONGEST:
            start("414 URI Too Long", _TEXT)
            return [f"An address may have {LONGEST:,} characters after its “?”.\n".encode()]
        if any(len(environ[name]) > LONGEST for name in environ if name.startswith(_HEADERS)):
            start("431 Request Header Fields Too Large", _TEXT)
            return [f"A header may have {LONGEST:,} characters.\n".encode()]
        return application(environ, start)

    return answer
