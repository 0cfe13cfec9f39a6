"""What every page of figures has: the filter bar, JSON on request, a part that follows data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from apps.metrics import queries
from apps.metrics.filters import RANGES, SIZES, Choices, FilterForm, Filters, parse
from apps.metrics.freshness import Freshness, freshness
from apps.metrics.periods import zone_of
from apps.teams.access import TeamRequest, team_view, wants_json

Context = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a page shows, and the same as plain data for machines."""

    context: Context
    data: Context


def figures_page(
    template: str, part: str
) -> Callable[[Callable[..., Answer | HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A team's page under the filter bar; htmx gets only the part, and that only if it is new."""

    def decorate(view: Callable[..., Answer | HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @team_view()
        @wraps(view)
        def page(request: TeamRequest, **arguments: Any) -> HttpResponseBase:
            fresh = freshness(request.team)
            version = queries.data_version(request.team, _else(request, fresh))
            if _is_current(request, version.etag):
                return HttpResponse(status=204 if request.htmx else 304)
            choices = Choices.of(request.team)
            form = FilterForm(request.GET, choices)
            if not form.is_valid():
                return _refused(request, form, choices)
            filters = parse(form, request.team, version.first_opened_at)
            bar = _bar(request, filters, choices) | {
                "version": version,
                "freshness": fresh,
                "begins_within": _begins_within(filters, version),
            }
            if not version.count and not wants_json(request):
                return render(request, "metrics/empty.html", bar)
            answer = view(request, filters, **arguments)
            if not isinstance(answer, Answer):
                return answer
            return _answered(request, answer, bar, part if request.htmx else template)

        return page

    return decorate


def _else(request: TeamRequest, fresh: Freshness) -> str:
    """What pages depend on beside the pull requests: the day, since ranges end with it."""
    today = timezone.now().astimezone(zone_of(request.team.timezone)).date()
    return f"{today} {fresh.incomplete} {fresh.whole_since}"


def _is_current(request: TeamRequest, etag: str) -> bool:
    if request.htmx:
        return request.GET.get("version") == etag
    return request.headers.get("If-None-Match") == f'"{etag}"'


def _answered(
    request: TeamRequest, answer: Answer, bar: dict[str, Any], template: str
) -> HttpResponse:
    if wants_json(request):
        response: HttpResponse = JsonResponse({**describe(bar["filters"]), **answer.data})
    else:
        response = render(request, template, {**bar, **answer.context})
    response.headers["ETag"] = f'"{bar["version"].etag}"'
    return response


def _bar(request: TeamRequest, filters: Filters, choices: Choices) -> dict[str, Any]:
    return {
        "filters": filters,
        "choices": choices,
        "ranges": RANGES,
        "size_names": SIZES,
        "path": request.path,
        "query": request.GET.get("q", ""),
    }


def _begins_within(filters: Filters, version: queries.DataVersion) -> bool:
    """Whether the team's data begins within the period that changes are shown against."""
    before, first = filters.period.previous, version.first_opened_at
    return first is not None and before.start < first < before.end


def _refused(request: TeamRequest, form: FilterForm, choices: Choices) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"errors": form.sentences}, status=400)
    context = {"sentences": form.sentences, "path": request.path}
    return render(request, "metrics/refused.html", context, status=400)


def describe(filters: Filters) -> dict[str, Any]:
    """What a reply is about, for machines."""
    period = filters.period
    return {
        "range": {
            "name": filters.range,
            "since": period.first.isoformat(),
            "until": period.last.isoformat(),
            "time_zone": str(period.zone),
        },
        "bots": filters.bots,
        "outsiders": filters.outsiders,
    }


def spread_data(spread: queries.Spread) -> dict[str, Any]:
    """A spread for machines; durations in seconds."""
    return dict(vars(spread))


def figures_data(figures: queries.Figures) -> dict[str, Any]:
    """Figures for machines; durations in seconds, shares between 0 and 1."""
    return {
        "merged": figures.merged,
        "merged_per_week": figures.per_week,
        "active_authors": figures.authors,
        "merged_per_week_and_author": figures.per_author,
        "review_coverage": figures.coverage,
        "revert_rate": figures.revert_rate,
        "reverts": figures.reverts,
        "hotfixes": figures.hotfixes,
        "mean_review_rounds": figures.mean_rounds,
        "size": spread_data(figures.lines),
        "sizes": dict(figures.sizes),
        **{name: spread_data(spread) for name, spread in figures.spreads.items()},
    }
