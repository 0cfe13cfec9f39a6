"""What is answered while the database is away: 503, in the form that the client asked for."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults

from apps.teams.access import wants_json
from apps.teams.context import theme_of
from tformance import outages

RETRY_AFTER = 30  # seconds
SENTENCE = "The database cannot be used at the moment. Try again in a minute."


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: 503 if the database is away, whoever asked it: a view, a page, a middleware."""
    if not outages.reason(sys.exc_info()[1]):
        return defaults.server_error(request)
    response = _answer(request)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _answer(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"errors": [SENTENCE]}, status=503)
    if wants_json(request):
        return JsonResponse({"error": SENTENCE}, status=503)
    is_reading = request.method in ("GET", "HEAD")
    context = {
        "again": request.get_full_path() if is_reading else "/",
        "is_reading": is_reading,
        "theme": theme_of(request),  # without the request no part of the page asks the database
    }
    return HttpResponse(render_to_string("503.html", context), status=503)
