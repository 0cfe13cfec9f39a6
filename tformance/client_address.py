"""The client's address behind proxies, for throttling and the audit log."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def client_address(get_response: Answer) -> Answer:
    """Middleware that sets REMOTE_ADDR to what the outermost of `PROXIES` trusted proxies saw.

    Entries that a client itself put into X-Forwarded-For stand further left and are ignored.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        count = settings.PROXIES
        seen = request.headers.get("X-Forwarded-For", "").split(",")
        if count and len(seen) >= count and _is_address(address := seen[-count].strip()):
            request.META["REMOTE_ADDR"] = address
        return get_response(request)

    return answer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
