"""Absolute links lead to PUBLIC_URL, whatever host and port a request says that it is for."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def own_address(get_response: Answer) -> Answer:
    """Middleware for `build_absolute_uri`, which makes links of mail and callbacks."""

    def answer(request: HttpRequest) -> HttpResponse:
        # Django takes it from Host, whose port a stranger chooses on a local installation;
        # templates take `own_address`.
        ours = settings.PUBLIC_URL
        vars(request).update(_current_scheme_host=ours, own_address=ours)
        return get_response(request)

    return answer
