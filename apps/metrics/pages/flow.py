"""How long stages take, what waits and when, and how much is in progress."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.urls import reverse
from django.utils import timezone

from apps.metrics.figures import flow_queries, queries
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.flow_queries import AGES, BINS
from apps.metrics.figures.shared import shared
from apps.metrics.filters.chosen import Filters
from apps.metrics.pages import charts, sentences
from apps.metrics.pages.answer import Answer, figures_data
from apps.metrics.pages.charts import Chart, Series
from apps.teams.access import TeamRequest
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text, unbroken

MARKS = ("Median", "75th", "90th")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Whom an open pull request waits for, its name and colour, and whether that is a faint one.
WAITING = (
    ("review", "For a review", "stage-pickup", False),
    ("", "No review requested", "stage-pickup", True),
    ("author", "For the author", "stage-review", False),
    ("merge", "Approved", "stage-merge", False),
    ("draft", "Draft", "outline", False),
)


BIN_NAMES = (
    "under 15 min",
    *(f"{begin} to {end}" for (begin, _), (end, _) in pairwise(BINS[1:])),
    f"{BINS[-1][0]} or more",
)


BOUNDS = ("0", *(duration_text(begin) for _, begin in BINS[1:]), "")


def flow(request: TeamRequest, filters: Filters) -> Answer:
    """Distributions and work in progress."""
    return _answer(request.team, filters)


@shared
def _answer(team: Team, filters: Filters) -> Answer:
    now = timezone.now()
    found = flow_queries.distributions(team, filters)
    figures, histograms, sizes = found.figures, found.histograms, found.by_size
    work = flow_queries.work(team, filters, now)
    progress = work.in_progress()
    ages = flow_queries.open_by_age(team, filters, now)
    hours = work.waiting_hours()
    path = reverse("pull_requests", args=[team.slug])
    under_way = next((count for count in reversed(progress) if count is not None), None)
    context = {
        "figures": figures,
        "answer": sentences.of_flow(
            under_way, figures, work, filters.period.days, _links(filters, path, progress)
        ),
        "work": [_progress_chart(team, filters, path, progress), _age_chart(ages, filters, path)],
        "distributions": [
            *_histograms(histograms, figures, charts.base(filters, path)),
            _size_chart(sizes, filters, path),
        ],
        "heat": _heat(hours, charts.base(filters, path)),
        "hour_names": range(24),
    }
    return Answer(
        context,
        lambda: {
            "figures": figures_data(figures),
            "histograms": histograms,
            "bins": [seconds for _, seconds in BINS],
            "work_in_progress": progress,
            "open_by_age": {name or "nobody": counts for name, counts in ages.items()},
            "waiting_by_weekday_and_hour": hours,
            "abandoned": work.abandoned,
            "reopened": work.reopened,
        },
    )


def _links(filters: Filters, path: str, progress: list[int | None]) -> sentences.FlowLinks:
    """The lists of what is in progress, was merged, abandoned, and reopened."""
    days = sum(count is not None for count in progress)
    last = filters.period.first + timedelta(days=max(days - 1, 0))
    return (
        filters.address(path, figure=f"under_way.{last:%Y%m%d}"),
        filters.address(path),
        filters.address(path, state="closed"),
        filters.address(path, figure="reopened"),
    )


def _histograms(counts: dict[str, list[int]], figures: queries.Figures, base: str) -> list[Chart]:
    names = ("cycle_time", *queries.STAGES)
    return [_histogram(name, counts[name], figures.spreads[name], base) for name in names]


def _histogram(name: str, counts: list[int], spread: Spread, base: str) -> Chart:
    begins = [str(begin) for _, begin in BINS]
    spans = [f"{begin}.{end}" for begin, end in pairwise(begins)] + begins[-1:]
    lists = [f"figure={name}.{span}" for span in spans]
    title = charts.STAGE_NAMES.get(name, "Cycle time")
    colour = "accent" if name == "cycle_time" else f"stage-{name.removesuffix('_time')}"
    return Chart(
        id=f"histogram-{name}",
        title=title,
        kind="bar",
        unit="count",
        labels=[label for label, _ in BINS],
        names=BIN_NAMES,
        series=[Series("Pull requests", counts, colour, lists=lists)],
        base=base,
        note=_percentiles(spread),
        definition=name,
        label_name="Took",
        bounds=BOUNDS,
        marks=_marks(spread),
    )


def _percentiles(spread: Spread) -> str:
    if spread.median is None or spread.p75 is None or spread.p90 is None:
        return "No data"
    named = zip(MARKS, (spread.median, spread.p75, spread.p90), strict=True)
    return ", ".join(unbroken(f"{name} {duration_text(value)}") for name, value in named)


def _marks(spread: Spread) -> list[dict[str, Any]]:
    """The positions of the percentiles, counted in bars; equal positions share a mark."""
    places: dict[float, list[str]] = {}
    for name, value in zip(MARKS, (spread.median, spread.p75, spread.p90), strict=True):
        if value is not None:
            places.setdefault(round(_place(value), 2), []).append(name)
    return [{"name": ", ".join(names), "place": place} for place, names in places.items()]


def _place(seconds: float) -> float:
    """The position within its bar, proportional; the last bar has no end, so its middle."""
    begins = [begin for _, begin in BINS]
    place = max(each for each, begin in enumerate(begins) if begin <= seconds)
    if place + 1 == len(begins):
        return place + 0.5
    return place + (seconds - begins[place]) / (begins[place + 1] - begins[place])


def _size_chart(sizes: dict[str, Spread], filters: Filters, path: str) -> Chart:
    spreads = list(sizes.values())
    lists = [f"figure=cycle_time&size={size}" for size in sizes]
    return Chart(
        id="sizes",
        title="Cycle time by size",
        kind="bar",
        unit="duration",
        labels=list(sizes),
        series=[
            Series("Median", [spread.median for spread in spreads], lists=lists),
            Series("75th percentile", [spread.p75 for spread in spreads], "accent", True, lists),
        ],
        base=charts.base(filters, path, size=None),
        definition="size",
        label_name="Size",
    )


def _progress_chart(team: Team, filters: Filters, path: str, progress: list[int | None]) -> Chart:
    days = [filters.period.first + timedelta(days=place) for place in range(len(progress))]
    lists = [f"figure=under_way.{day:%Y%m%d}" for day in days]
    return Chart(
        id="progress",
        title="Work in progress",
        kind="line",
        unit="count",
        labels=[day.isoformat() for day in days],
        series=[Series("Open, no drafts", progress, lists=lists)],
        base=charts.base(filters, path),
        note="At the end of each day",
        notes=charts.noted(team, [(day, day) for day in days]),
        definition="wip",
        label_name="Day",
    )


def _age_chart(ages: dict[str, list[int]], filters: Filters, path: str) -> Chart:
    days = [str(days) for _, days in AGES]
    spans = [f"{youngest}.{oldest}" for youngest, oldest in pairwise(days)] + days[-1:]
    return Chart(
        id="ages",
        title="Open now, by age",
        kind="stack",
        unit="count",
        labels=[label for label, _ in AGES],
        series=[
            Series(
                *(name, ages[key], colour, is_faint),
                lists=[f"figure=age.{span}&waiting={key or 'nobody'}" for span in spans],
            )
            for key, name, colour, is_faint in WAITING
            if key in ages
        ],
        base=charts.base(filters, path),
        definition="waiting",
        label_name="Age",
    )


def _heat(hours: list[list[float]], base: str) -> list[tuple[str, list[tuple[float, int, str]]]]:
    """Each day's hours: how many waited, the shade, and the list of those that did."""
    least = min((min(row) for row in hours), default=0)
    most = max((max(row) for row in hours), default=0)
    # Four shades between the quietest and the busiest hour: from zero, most weeks would have one
    # shade.
    step = (most - least) / 4 or 1

    def shade(value: float) -> int:
        return min(4, 1 + int((value - least) / step)) if value else 0

    def link(value: float, weekday: int, hour: int) -> str:
        return f"{base}figure=waited.{weekday}.{hour}" if value else ""

    return [
        (day, [(value, shade(value), link(value, weekday, hour)) for hour, value in enumerate(row)])
        for weekday, (day, row) in enumerate(zip(DAYS, hours, strict=True))
    ]
