"""Absolute links use PUBLIC_URL, whatever host and port a request names."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


# Probes call these by the machine's own address, behind no proxy; their responses have no links.
FOR_MACHINES = ("/health/live", "/health/ready", "/metrics")


def own_address(get_response: Answer) -> Answer:
    """Middleware for `build_absolute_uri`, which makes the links of mail and callbacks."""

    def answer(request: HttpRequest) -> HttpResponse:
        # Django uses Host, whose port a stranger chooses on a local installation; templates use
        # `own_address`.
        ours = settings.PUBLIC_URL
        if request.path in FOR_MACHINES:
            request.META["HTTP_HOST"] = urlsplit(ours).netloc
        vars(request).update(_current_scheme_host=ours, own_address=ours)
        return get_response(request)

    return answer
