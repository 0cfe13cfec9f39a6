"""Common to all pages of figures: the filter bar, JSON on request, a part that follows data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from time import perf_counter
from typing import Any

from django.contrib import messages
from django.core.cache import caches
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.metrics.figures import queries
from apps.metrics.figures.ai_queries import tools
from apps.metrics.figures.current import is_ready, one_state, progress
from apps.metrics.figures.freshness import recounted
from apps.metrics.figures.reading import reading
from apps.metrics.figures.shared import same_for_all
from apps.metrics.figures.source import Freshness
from apps.metrics.filters import remembering, sentences
from apps.metrics.filters.chosen import WRITERS, Filters
from apps.metrics.filters.form import RANGES, SIZES, Choices, FilterForm, parse
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.pages import ai_sentences, preparing
from apps.metrics.pages.answer import Answer, Context, current_version, describe
from apps.metrics.pages.coverage import covered
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Team

WORTH_KEEPING, KEPT = 0.01, 3600  # seconds; ages are at most an hour old: see _else
COUNTED_EVERY = 60  # seconds


Asked = Callable[[Filters], "Answer | HttpResponseBase"]
Around = Callable[[TeamRequest, Filters], Context]
"""What surrounds the part and does not depend on data."""


def figures_page(
    template: str,
    part: str,
    *,
    may_follow: bool = False,
    is_list: bool = False,
    has_range: bool = True,
    around: Around = lambda _request, _filters: {},
) -> Callable[[Callable[..., Answer | HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A team's page under the filter bar; htmx gets only the part, and only if it is new.

    If the part `may_follow`, a large team's page is returned at once and loads it afterwards. A
    page that `is_list` shows everybody's pull requests; figures about excluded people are refused.
    A page about the present only has no range to select.
    """

    def decorate(view: Callable[..., Answer | HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @team_view()
        @wraps(view)
        def page(request: TeamRequest, **arguments: Any) -> HttpResponseBase:
            with one_state():
                return _page(
                    request,
                    lambda filters: view(request, filters, **arguments),
                    template,
                    part,
                    may_follow=may_follow,
                    is_list=is_list,
                    has_range=has_range,
                    around=around,
                )

        return page

    return decorate


def _page(
    request: TeamRequest,
    ask: Asked,
    template: str,
    part: str,
    *,
    may_follow: bool,
    is_list: bool,
    has_range: bool,
    around: Around,
) -> HttpResponseBase:
    if remembered := remembering.opens_with(request):
        return redirect(f"{request.path}?{remembered}")
    fresh, version = current_version(request.team)
    request.data_version = version.etag
    request.comes_in_parts = version.is_large and _comes_in_parts(request)
    if _is_current(request, version.etag):
        return _unchanged(request, fresh, version)
    choices = Choices.for_viewer(viewer_of(request))
    form = FilterForm(request.GET, choices)
    if not form.is_valid():
        if remembering.opened_with(request):
            return _without_what_is_gone(request, form, version)
        return refused(request, form.sentences)
    filters = parse(form, request.team, version.first_opened_at)
    filters = covered(request.team, filters, fresh, version.first_opened_at, timezone.now())
    if filters.refusal and not is_list:
        return refused(request, [filters.refusal])
    bar = {
        **_bar(request, filters, choices, has_range=has_range),
        **_state(request, filters, fresh, version),
        **around(request, filters),
    }
    if version.is_empty and not wants_json(request):
        return render(request, "metrics/empty.html", bar)
    key = _cache_key(request, version.etag)
    shown = caches["pages"].get(key)
    if shown is None and _is_to_follow(request, version, may_follow=may_follow):
        return _to_follow(request, bar, template)
    shown = shown or _shown(request, ask, filters, bar, part)
    if isinstance(shown, HttpResponseBase):
        return shown
    if shown.seconds > WORTH_KEEPING:
        caches["pages"].set(key, replace(shown, seconds=0), KEPT)
    return _reply(request, shown, bar, template)


def _without_what_is_gone(
    request: TeamRequest, form: FilterForm, version: queries.DataVersion
) -> HttpResponse:
    """Opens the page without the values of a remembered filter that are no longer valid."""
    form, sentences = form.mended(), form.sentences
    form.full_clean()
    filters = parse(form, request.team, version.first_opened_at)
    remembering.remember(request.membership, filters)
    messages.info(request, " ".join([*sentences, "Your last filter continues without it."]))
    return redirect(filters.address(request.path))


def _state(
    request: TeamRequest, filters: Filters, fresh: Freshness, version: queries.DataVersion
) -> dict[str, Any]:
    return {
        "version": version,
        "freshness": fresh,
        "recounted": recounted(request.team),
        "reading": _unread(request.team, version) if version.has_unread else "",
        "poll": _poll(request, version.etag),
    }


def _unread(team: Team, version: queries.DataVersion) -> str:
    """What is not read for AI marks yet; for a large team counting takes long."""

    def notice() -> str:
        return ai_sentences.notice(reading(team))

    if not version.is_large:
        return notice()
    return str(caches["pages"].get_or_set(f"unread:{team.pk}", notice, COUNTED_EVERY))


@dataclass(frozen=True)
class Shown:
    """A response's content: plain data, or a part of a page and its context."""

    data: Context
    part: str
    around: Context
    seconds: float


def _shown(
    request: TeamRequest, ask: Asked, filters: Filters, bar: Context, part: str
) -> Shown | HttpResponseBase:
    begin = perf_counter()
    with one_state(), same_for_all(request.data_version):
        answer = ask(filters)
        data = answer.data() if isinstance(answer, Answer) and wants_json(request) else {}
    if not isinstance(answer, Answer):
        return answer
    is_shown = not wants_json(request)
    text = render_to_string(part, {**bar, **answer.context}, request) if is_shown else ""
    return Shown(data, text, answer.around, perf_counter() - begin)


def _comes_in_parts(request: TeamRequest) -> bool:
    """Whether the client is a browser that can load figures afterwards, as far as is known."""
    return not (request.htmx or wants_json(request) or "whole" in request.GET)


def _is_to_follow(request: TeamRequest, version: queries.DataVersion, *, may_follow: bool) -> bool:
    """Whether figures would take too long now: a list is quick once all data is loaded for it."""
    if not version.is_large or wants_json(request):
        return False
    takes_long = may_follow or not is_ready(request.team)
    return (request.comes_in_parts and takes_long) or progress(request.team) is not None


def _to_follow(request: TeamRequest, bar: Context, template: str) -> HttpResponse:
    """The placeholder for figures until they are ready; the page loads them by itself."""
    reached = progress(request.team)
    context = {
        "address": address(request),
        "whole": address(request, whole="1"),
        "is_ready": is_ready(request.team),
        "prepared": preparing.sentence(reached) if reached else "",
    }
    part = mark_safe(render_to_string("metrics/follows.html", context, request))  # noqa: S308
    name = "metrics/figures.html" if request.htmx else template
    response = render(request, name, {**bar, "part": part})
    if request.htmx:
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#figures", "innerHTML"
    elif reached and not request.comes_in_parts:
        response.headers["Refresh"] = "2"  # Without a script nothing else would reload.
    return response


def address(request: TeamRequest, **more: str) -> str:
    """The URL of the request's page, for returning to it."""
    query = request.GET.copy()
    for name in ("version", "whole"):
        query.pop(name, None)
    query.update(more)
    return f"{request.path}?{query.urlencode()}"


def _cache_key(request: TeamRequest, etag: str) -> str:
    kind = "json" if wants_json(request) else "part"
    # The content depends on what the viewer may see, and lists them first.
    viewer = viewer_of(request)
    mine = [] if viewer.sees_everyone else sorted(viewer.accounts)
    who = f"{request.user.pk} {request.membership.role} {mine}"
    text = f"{etag} {who} {kind} {address(request)}"
    return f"figures:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def _reply(request: TeamRequest, shown: Shown, bar: Context, template: str) -> HttpResponse:
    if wants_json(request):
        response: HttpResponse = JsonResponse({**describe(bar["filters"]), **shown.data})
    else:
        part = mark_safe(shown.part)  # noqa: S308 rendered by a template
        name = "metrics/figures.html" if request.htmx else template
        response = render(request, name, {**bar, **shown.around, "part": part})
        # The polling line is replaced by itself, unless there is more to replace.
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#figures", "innerHTML"
    response.headers["ETag"] = f'"{bar["version"].etag}"'
    return response


def refused(request: TeamRequest, sentences: list[str]) -> HttpResponse:
    """An error page for an invalid URL, with a filter bar that keeps the rest of it."""
    if wants_json(request):
        return JsonResponse({"errors": sentences}, status=400)
    if request.htmx:
        # A part of a page has no place for it.
        return HttpResponseClientRedirect(address(request, whole="1"))
    _, version = current_version(request.team)
    choices = Choices.for_viewer(viewer_of(request))
    form = FilterForm(request.GET, choices)
    if not form.is_valid():
        form = form.mended()
        form.full_clean()
    bar = _bar(request, parse(form, request.team, version.first_opened_at), choices)
    return render(request, "metrics/refused.html", {**bar, "sentences": sentences}, status=400)


def _unchanged(
    request: TeamRequest, fresh: Freshness, version: queries.DataVersion
) -> HttpResponse:
    if not request.htmx:
        return HttpResponse(status=304)
    context = {"freshness": fresh, "version": version, "poll": _poll(request, version.etag)}
    return render(request, "metrics/fresh.html", context)


def _poll(request: TeamRequest, etag: str) -> str:
    return address(request, version=etag)


def _is_current(request: TeamRequest, etag: str) -> bool:
    if request.htmx:
        return request.GET.get("version") == etag
    # Compression makes an ETag weak.
    return request.headers.get("If-None-Match", "").removeprefix("W/") == f'"{etag}"'


def _bar(
    request: TeamRequest, filters: Filters, choices: Choices, *, has_range: bool = True
) -> dict[str, Any]:
    return {
        "filters": filters,
        "has_range": has_range,
        "shown": sentences.shown(filters, has_range=has_range),
        "choices": choices,
        "ranges": RANGES,
        "size_names": SIZES,
        "writers": WRITERS.items(),
        "tool_names": sorted({*tools(request.team), *filters.tools}),
        "path": request.path,
        "query_string": request.GET.urlencode(),
        "kept": remembering.beside(request.GET),
        "own_filter": request.membership.last_filter,
        "is_own_filter": request.membership.last_filter == filters.query,
    }
