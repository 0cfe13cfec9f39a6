"""Formats figures, and builds URLs that keep the filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString

from apps.metrics.calculations.pull_requests import Exclusions, is_excluded
from apps.metrics.figures.behind import GHOST
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.freshness import recounted
from apps.metrics.figures.review_queries import Load
from apps.metrics.figures.waiting_queries import Wait
from apps.metrics.filters import sentences as filter_sentences
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.form import Option
from apps.metrics.models import PullRequest, Repository
from apps.metrics.pages import sentences, week
from apps.metrics.pages.charts import Chart, spark
from apps.metrics.pages.compare import Cell
from apps.metrics.pages.measures import Tile
from apps.metrics.pages.timeline import Bar, stage_bars
from apps.metrics.pages.verdict import how_much
from apps.teams.models import Team
from apps.teams.templatetags.display import NOTHING, duration, duration_text, unbroken

register = template.Library()

LISTED, BEGINNING = 100, 50
DECIMALS = {"decimal": 1, "hundredths": 2}


@register.filter
def figure(value: float | None, unit: str) -> SafeString:
    """A figure in its unit: `duration`, `share`, `decimal` or `count`."""
    if value is None:
        return NOTHING
    if unit == "duration":
        return duration(value)
    return format_html('<span title="{}">{}</span>', f"{value:,.4g}", figure_text(value, unit))


@register.simple_tag
def linked(value: float | None, unit: str, link: str) -> SafeString:
    """A figure linked to its pull requests, if there are any."""
    shown = figure(value, unit)
    return format_html('<a class="plain" href="{}">{}</a>', link, shown) if link else shown


@register.filter
def figure_text(value: float | None, unit: str) -> str:
    """The same as plain text, with a non-breaking space before its unit."""
    if value is None:
        return "no data"
    if unit == "duration":
        return unbroken(duration_text(value))
    if unit == "share":
        decimals = 0 if value in (0, 1) or 0.1 <= value < 0.995 else 1
        # A part of the whole never reads as 100 %.
        percent = min(value * 100, 99.9) if value < 1 else value * 100
        return unbroken(f"{percent:.{decimals}f} %")
    return f"{value:,.{DECIMALS.get(unit, 0)}f}"


@register.filter
def share(part: float | None, total: float | None) -> str:
    """A part of a whole as a percentage."""
    return figure_text(part / total, "share") if total and part is not None else "–"


@register.filter
def change_text(tile: Tile) -> str:
    """By how much a figure changed, if beyond chance."""
    return how_much(tile) if tile.judged.is_change and not tile.reads_the_same else ""


@register.simple_tag(takes_context=True)
def explorer(context: dict[str, Any], **changes: object) -> str:
    """The URL of the pull requests behind a figure: the page's filters and some more."""
    filters: Filters = context["filters"]
    return filters.address(reverse("pull_requests", args=[context["team"].slug]), **changes)


@register.simple_tag(takes_context=True)
def reviewed_by(context: dict[str, Any], load: Load, name: str, count: int) -> SafeString:
    """A reviewer's number, linked to the pull requests that they reviewed."""
    link = explorer(context, figure=f"{name}.{load.account or GHOST}") if count else ""
    return linked(count, "count", link)


@register.simple_tag(takes_context=True)
def address(context: dict[str, Any], path: str = "", **changes: object) -> str:
    """The URL of this page, or another, with the same filters, some changed."""
    filters: Filters = context["filters"]
    return filters.address(path or context["path"], **changes)


@register.simple_tag(takes_context=True)
def cycle_time_answer(context: dict[str, Any]) -> str:
    """How long the merged ones took."""
    return sentences.cycle_time(context["now"], (explorer(context), explorer(context, flag="old")))


@register.simple_tag(takes_context=True)
def trend(context: dict[str, Any], tile: Tile) -> str:
    """A figure compared with the period before; why it has no verdict, on hover."""
    filters: Filters = context["filters"]
    if not _has_before(filters):
        return ""
    if tile.change.before is None:
        return "no data before"
    before = figure_text(tile.change.before, tile.unit)
    if changed := change_text(tile):
        return format_html('<span class="{}">{}</span>, was {}', tile.verdict, changed, before)
    return format_html('<span title="{}">was {}</span>', why_no_change(tile), before)


def _has_before(filters: Filters) -> bool:
    """Whether figures are compared with those of the period before."""
    return filters.range != "all" and filters.coverage.is_read


def why_no_change(tile: Tile) -> str:
    """Why a figure is neither better nor worse than before."""
    return "reads the same" if tile.judged.is_change else tile.judged.reason


@register.simple_tag(takes_context=True)
def compared(context: dict[str, Any], cells: Sequence[Cell]) -> SafeString:
    """A line's figures, each linked to its pull requests, if any, with its bar, if it has one.

    The former figure is below them if it differs beyond chance, else on hover.
    """
    filters: Filters = context["filters"]
    shown = ((*_compared(filters, tile), _bar(tile.field, length)) for tile, length in cells)
    parts = ((value, bar, was) for value, was, bar in shown)
    return format_html_join("", '<td class="figure">{}{}{}</td>', parts)


def _compared(filters: Filters, tile: Tile) -> tuple[SafeString, SafeString]:
    """The figure, and the former one if it differs beyond chance."""
    now, before = tile.change.now, tile.change.before
    if before is None or not _has_before(filters):
        return linked(now, tile.unit, tile.link), SafeString("")
    was = f"was {figure_text(before, tile.unit)}"
    if change_text(tile):
        below = format_html('<span class="was {}">{}</span>', tile.verdict, was)
        return linked(now, tile.unit, tile.link), below
    text, why = figure_text(now, tile.unit), f"{was}: {why_no_change(tile)}"
    if not tile.link:
        return format_html('<span title="{}">{}</span>', why, text), SafeString("")
    link = '<a class="plain" href="{}"><span title="{}">{}</span></a>'
    return format_html(link, tile.link, why, text), SafeString("")


def _bar(field: str, length: float | None) -> SafeString:
    if length is None:
        return SafeString("")
    return format_html(
        '<svg class="length of-{}" viewBox="0 0 100 3" preserveAspectRatio="none" '
        'aria-hidden="true"><rect width="{}" height="3"/></svg>',
        field,
        width(length),
    )


@register.simple_tag
def sparkline(tile: Tile) -> SafeString:
    """A figure week by week as a line without axes, from zero; gaps where data is missing."""
    path = spark(tile.line)
    if not path:
        return SafeString("")
    # The class sets the colour, since a path has no attribute for a custom property.
    return format_html(
        '<svg class="spark of-{}" viewBox="0 0 100 26" preserveAspectRatio="none" '
        'aria-hidden="true"><path d="{}" vector-effect="non-scaling-stroke"/></svg>',
        tile.field,
        path,
    )


@register.simple_tag
def chart_rows(chart: Chart) -> SafeString:
    """The rows of the table behind a chart, which may have thousands."""
    cell = '<td class="figure">{}</td>'
    rows = (
        (
            label,
            format_html_join("", cell, ((linked(value, chart.unit, link),) for value, link in row)),
        )
        for label, row in chart.rows
    )
    return format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', rows)


@register.filter
def notes_of(charts: Sequence[Chart]) -> list[dict[str, Any]]:
    """The notes on some charts, by number."""
    found = {note["number"]: note for chart in charts for note in chart.notes}
    return [found[number] for number in sorted(found)]


@register.filter
def spread_text(spread: Spread | None, unit: str) -> str:
    """The upper percentiles, if there is more than one value."""
    if spread is None or spread.count < 2:
        return ""
    named = (("75th", spread.p75), ("90th", spread.p90))
    return " · ".join(unbroken(f"{name} {figure_text(value, unit)}") for name, value in named)


@register.simple_tag
def how_many(shown: int, count: int, total: int, wanted: str) -> str:
    """How many options of a list are shown."""
    return filter_sentences.how_many(shown, count, total, wanted)


@register.simple_tag
def tile_line(tile: Tile) -> str:
    """A figure as a line of a mail's table, in plain text."""
    now, before = (figure_text(each, tile.unit) for each in (tile.change.now, tile.change.before))
    changed = strip_tags(change_text(tile)) or "–"
    return f"{tile.label:<20}{now:>14}{before:>14}{changed:>18}"


@register.filter
def verdict_colour(tile: Tile) -> str:
    """The colour of a change in a mail, which has no style sheet."""
    return {"better": "#1d7044", "worse": "#b3261e"}.get(tile.verdict, "#5d6068")


@register.filter
def waits_for(waiting_for: str) -> str:
    """The name of a group of open pull requests."""
    return sentences.waits_for(waiting_for)


@register.simple_tag
def recounting(team: Team) -> int | None:
    """How many per cent follow the team's new settings, while some do not yet."""
    return recounted(team)


@register.simple_tag
def matching_nothing(team: Team) -> list[str]:
    """Patterns of excluded repositories that match no stored repository."""
    stored = Repository.objects.for_team(team).values_list("full_name", flat=True)
    names = list(stored) if team.excluded_repositories else []
    return [
        pattern
        for pattern in team.excluded_repositories
        if not any(is_excluded(name, "", Exclusions([pattern])) for name in names)
    ]


@register.filter
def width(share: float) -> str:
    """A share as a length in a drawing."""
    return f"{share * 100:.2f}%"


@register.simple_tag(takes_context=True)
def definition(context: dict[str, Any], anchor: str) -> str:
    """The URL of a figure's definition."""
    return f"{reverse('how_we_count', args=[context['team'].slug])}#{anchor}"


@register.simple_tag(takes_context=True)
def page_of(context: dict[str, Any], pull_request: PullRequest) -> str:
    """The URL of a pull request's page."""
    owner, _, name = pull_request.repository.full_name.partition("/")
    return reverse("pull_request", args=[context["team"].slug, owner, name, pull_request.number])


@register.filter
def bars(pull_request: PullRequest) -> list[Bar]:
    """Its stages as a strip of its own length."""
    return stage_bars(pull_request)


@register.filter
def waited_text(row: PullRequest) -> str:
    """How long an open pull request has waited, as plain text."""
    return duration_text((timezone.now() - (row.waiting_since or row.opened_at)).total_seconds())


@register.filter
def waited(row: PullRequest) -> SafeString:
    """How long an open pull request has waited, as a duration."""
    return age(row.waiting_since or row.opened_at)


@register.filter
def age(since: datetime) -> SafeString:
    """How long ago, as a duration."""
    return duration((timezone.now() - since).total_seconds())


@register.filter
def signed(seconds: int) -> SafeString:
    """A difference of durations with its sign."""
    if not seconds:
        return SafeString("0")
    return format_html("{}{}", "+" if seconds > 0 else "−", duration(abs(seconds)))


@register.filter
def placed(row: PullRequest) -> str:
    """A pull request's repository, number and author."""
    return week.placed(row)


@register.filter
def why_here(wait: Wait) -> str:
    """Whom an open pull request waits for, and what for."""
    return week.why_here(wait)


@register.filter
def usual_text(wait: Wait) -> str:
    """What such a wait usually takes here."""
    return week.usual_text(wait)


@register.filter
def is_long(count: int | str) -> bool:
    """Whether a list of options is too long to be on every page."""
    return bool(count) and int(count) > LISTED


@register.filter
def first_of(many: Sequence[Option]) -> Sequence[Option]:
    """The first options of a long list."""
    return many[:BEGINNING]
