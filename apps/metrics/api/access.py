"""Access for programs: API keys, a rate limit, ETags, and errors as sentences."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import Any, cast

from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer
from ninja.throttling import BaseThrottle

from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import Choices, FilterForm, parse
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.pages.answer import current_version
from apps.metrics.pages.coverage import covered
from apps.teams import api_keys
from apps.teams.access import TeamRequest
from apps.teams.models import ApiKey, Membership

MINUTE = 60


class Errors(Schema):
    """The errors of a request, as sentences."""

    errors: list[str]


REFUSALS: Mapping[int, type[Schema]] = dict.fromkeys((400, 401, 403, 404, 429, 503), Errors)


class InvalidFiltersError(Exception):
    """Invalid filters; the arguments are sentences."""


class _UnchangedError(Exception):
    """The program has the current data already; the argument is the 304 response."""


class Key(HttpBearer):
    """`Authorization: Bearer tfk_…`, a key from the team's settings."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key; None if none was sent."""
        key = api_keys.find(token) if "\x00" not in token else None
        if key is None and token.strip():
            raise HttpError(
                401, "This key is unknown or was revoked, or its owner may not enter the team."
            )
        return key


class PerKey(BaseThrottle):
    """Limits each key's requests per minute, in the cache that all web processes share."""

    def allow_request(self, request: HttpRequest) -> bool:
        """Whether the key may make another request within this minute."""
        if not settings.API_RATE_LIMIT:
            return True
        key = f"api-key:{cast(Any, request).auth.pk}:{int(time.time() // MINUTE)}"
        caches["counts"].add(key, 0, 2 * MINUTE)
        try:
            return caches["counts"].incr(key) <= int(settings.API_RATE_LIMIT)
        except ValueError:  # The cache has evicted it meanwhile.
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return MINUTE - time.time() % MINUTE


class Api(NinjaAPI):
    """Responds with an ETag, and with 304 if the program has the current data already."""

    def get_openapi_schema(self, **_: Any) -> OpenAPISchema:
        """The API's description, made once: it takes a third of a second, and anybody may ask."""
        return self._described

    @cached_property
    def _described(self) -> OpenAPISchema:
        return super().get_openapi_schema()

    def create_response(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        """As JSON."""
        response = super().create_response(request, *args, **more)
        if response.status_code != 200:
            return response
        etag = getattr(request, "etag", "") or _quoted(response.content)
        response.headers["ETag"] = etag
        response.headers["Cache-Control"] = "private, no-cache"
        return cast(HttpResponse, get_conditional_response(request, etag=etag, response=response))


def admitted(request: HttpRequest) -> TeamRequest:
    """The request as one of the key's owner, for queries and pages of their team."""
    key: ApiKey = cast(Any, request).auth
    found = cast(TeamRequest, request)
    found.user, found.team = key.user, key.team
    found.membership = Membership.objects.get(team=key.team, user=key.user)
    return found


def asked(request: HttpRequest) -> tuple[TeamRequest, Filters]:
    """The request and its filters, unless the data is unchanged since the program's last one."""
    found = admitted(request)
    fresh, version = current_version(found.team)
    found.data_version = version.etag
    # The content may depend on the key's owner.
    etag = _quoted(f"{version.etag} {found.user.pk} {found.membership.role}".encode())
    if unchanged := get_conditional_response(request, etag=etag):
        unchanged.headers["ETag"] = etag
        raise _UnchangedError(unchanged)
    form = FilterForm(request.GET, Choices.for_viewer(viewer_of(found)))
    if not form.is_valid():
        raise InvalidFiltersError(*form.sentences)
    cast(Any, request).etag = etag
    first = version.first_opened_at
    filters = parse(form, found.team, first)
    return found, covered(found.team, filters, fresh, first, timezone.now())


def reading_only(urls: tuple[list[Any], str, str]) -> tuple[list[Any], str, str]:
    """The URLs of an API that answer any method but GET with a sentence."""
    for pattern in urls[0]:
        pattern.callback = _reading_only(pattern.callback)
    return urls


def _reading_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @csrf_exempt  # it changes nothing
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        if request.method == "GET":
            try:
                return view(request, *args, **more)
            except Http404:  # the API's root, which has no content
                return nowhere(request, "")
        refusal = {"errors": [f"The API is read-only: send a GET, not a {request.method}."]}
        return JsonResponse(refusal, status=405, headers={"Allow": "GET"})

    return answer


@csrf_exempt  # it changes nothing
def nowhere(request: HttpRequest, path: str) -> JsonResponse:
    """The 404 response for an unknown URL of the API."""
    return JsonResponse({"errors": [f"There is no /api/v1/{path[:100]}."]}, status=404)


def describe_errors(api: NinjaAPI) -> None:
    """Turns each kind of error into a sentence."""

    def refuse(request: HttpRequest, status: int, *sentences: str) -> HttpResponse:
        return api.create_response(request, {"errors": list(sentences)}, status=status)

    @api.exception_handler(_UnchangedError)
    def _(request: HttpRequest, error: _UnchangedError) -> HttpResponse:
        return cast(HttpResponse, error.args[0])

    @api.exception_handler(InvalidFiltersError)
    def _(request: HttpRequest, error: InvalidFiltersError) -> HttpResponse:
        return refuse(request, 400, *error.args)

    @api.exception_handler(ValidationError)
    def _(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return refuse(request, 400, *map(_sentence, error.errors))

    @api.exception_handler(AuthenticationError)
    def _(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return refuse(request, 401, "Send a key of the team: “Authorization: Bearer tfk_…”.")

    @api.exception_handler(Throttled)
    def _(request: HttpRequest, error: Throttled) -> HttpResponse:
        seconds = math.ceil(error.wait or MINUTE)
        allowed = f"A key may ask {settings.API_RATE_LIMIT} times a minute."
        return refuse(request, 429, f"{allowed} Ask again in {seconds} s.")

    @api.exception_handler(Http404)
    def _(request: HttpRequest, error: Http404) -> HttpResponse:
        return refuse(request, 404, str(error) or "There is no such resource.")

    @api.exception_handler(PermissionDenied)
    def _(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return refuse(request, 403, str(error))

    @api.exception_handler(HttpError)
    def _(request: HttpRequest, error: HttpError) -> HttpResponse:
        return refuse(request, error.status_code, str(error))


def _sentence(error: Mapping[str, Any]) -> str:
    """What is wrong with which parameter."""
    *_, name = [part for part in error["loc"] if isinstance(part, str)]
    return f"{name}: {error['msg']}."


def _quoted(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
