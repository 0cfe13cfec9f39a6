"""Counts and numbers requests, for `/metrics` and for finding a request in the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps import log_ids
from apps.measures import REQUESTS

Answer = Callable[[HttpRequest], HttpResponse]
HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[0-9A-Za-z-]{8,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def measured(get_response: Answer) -> Answer:
    """The outermost middleware. Keeps a request id that a proxy has set."""

    def answer(request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        number = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        begun = time.perf_counter()
        with log_ids.belongs_to(request=number):
            response = get_response(request)
        response.headers[HEADER] = number
        method = request.method if request.method in METHODS else "other"
        labels = (_view(request), str(method), str(response.status_code))
        REQUESTS.labels(*labels).observe(time.perf_counter() - begun)
        return response

    return answer


def _view(request: HttpRequest) -> str:
    """The URL's name, which contains nothing of a team."""
    found = request.resolver_match
    return (found.view_name or found.route) if found else "none"
