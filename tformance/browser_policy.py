"""What browsers may do with our pages: our own scripts and styles, and next to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]
UNUSED = (
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen"),
    *("geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb"),
)


def content_security_policy(*others: str, https: bool) -> dict[str, Any]:
    """django-csp's setting: no script but from our own files, no page of ours in a frame."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            "style-src": [SELF],
            # ECharts places what it shows on hover by style attributes, which run nothing.
            "style-src-attr": [UNSAFE_INLINE],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            # Connecting and signing in are forms whose answers lead to GitHub, or to a company's
            # own provider.
            "form-action": [SELF, *others],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
            "object-src": [NONE],
            **({"upgrade-insecure-requests": True} if https else {}),
        }
    }


def policies(get_response: Answer) -> Answer:
    """Middleware that switches off what no page of ours uses, and keeps pages out of caches.

    https://www.w3.org/TR/permissions-policy/
    """
    features = ", ".join(f"{feature}=()" for feature in UNUSED)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["Permissions-Policy"] = features
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # A company's figures are for no search engine.
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # Static files, which are everyone's, say how long they may be kept.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return answer
