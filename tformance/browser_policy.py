"""Security headers: our own scripts and styles, and next to nothing else."""

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
    """django-csp's setting: scripts only from our own files, and none of our pages in a frame."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            "style-src": [SELF],
            # ECharts positions its tooltips with style attributes, which run nothing.
            "style-src-attr": [UNSAFE_INLINE],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            # The forms for connecting and signing in redirect to GitHub, or to a company's own
            # provider.
            "form-action": [SELF, *others],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
            "object-src": [NONE],
            **({"upgrade-insecure-requests": True} if https else {}),
        }
    }


def policies(get_response: Answer) -> Answer:
    """Middleware that disables unused browser features and keeps pages out of caches.

    https://www.w3.org/TR/permissions-policy/
    """
    features = ", ".join(f"{feature}=()" for feature in UNUSED)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["Permissions-Policy"] = features
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # Search engines must not index a company's figures.
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # Static files are public and set their own caching headers.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return answer
