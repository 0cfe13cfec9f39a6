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
        told = _address(seen[-count]) if count and len(seen) >= count else ""
        if found := told or _address(request.META.get("REMOTE_ADDR", "")):
            request.META["REMOTE_ADDR"] = found
        return get_response(request)

    return answer


def _address(text: str) -> str:
    """The address alone: without a port, which some proxies add; empty if it is none.

    A server that listens on `[::]` sees IPv4 clients at `::ffff:…`, all in one network, which
    throttling counts as one client: any of them could lock out all others.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)
