"""The content of a chart, as plain data for `charts.js` and for the table behind the chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol
from urllib.parse import urlencode

from apps.metrics.calculations.moved import rounded
from apps.metrics.figures.current import once
from apps.metrics.figures.queries import STAGES, Figures, Point
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Span
from apps.metrics.models import Note
from apps.metrics.pages.delivery import DELIVERY
from apps.metrics.pages.measures import MEASURES
from apps.teams.models import Team

STAGE_NAMES = {
    **{name: MEASURES[name].heading for name in STAGES},
    "deploy_time": DELIVERY["deploy_time"].heading,
}
MOST_LINKED = 200
Value = float | int | None


class OfSpan(Protocol):
    """Anything that belongs to a week or month."""

    @property
    def span(self) -> Span:
        """The week or month."""


@dataclass(frozen=True)
class Series:
    """A row of values, None for gaps. `colour` names a CSS custom property.

    `lists` are query parameters of the pull requests behind each value, added to the chart's base.
    """

    name: str
    values: Sequence[Value]
    colour: str = "accent"
    is_faint: bool = False
    lists: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """Kind `line`, `bar` or `stack`; unit `duration` (seconds), `count`, `share` or `lines`.

    `names` say in full what labels abbreviate; `base` is the beginning of the lists' URLs.
    """

    id: str
    title: str
    kind: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series]
    partial: Sequence[bool] = ()
    names: Sequence[str] = ()
    base: str = ""
    note: str = ""
    definition: str = ""
    label_name: str = "Week"
    bounds: Sequence[str] = ()
    """Labels at the bounds of the bars, including both ends, instead of labels below them."""
    marks: Sequence[dict[str, Any]] = field(default_factory=list)
    notes: Sequence[dict[str, Any]] = field(default_factory=list)
    """Notes, each with its number and the position of the week, month or day."""
    dates: Sequence[str] = ()
    counts: Sequence[int] = ()
    """The number of pull requests behind the values at each position, for tooltips."""
    counted: str = "pull request"
    previous: Sequence[Value] = ()
    """The first series in the period before, drawn behind it."""

    @property
    def data(self) -> dict[str, Any]:
        """For the script."""
        return {**vars(self), "series": [vars(each) for each in self.series]}

    @property
    def data_id(self) -> str:
        """The id of the element that holds the data."""
        return f"{self.id}-data"

    @property
    def rows(self) -> list[tuple[str, list[tuple[Value, str]]]]:
        """For the table: a label and its values, each with the URL of its pull requests."""
        return [
            (label, [(each.values[place], self._address(each, place)) for each in self.series])
            for place, label in enumerate(self.names or self.labels)
        ]

    def _address(self, series: Series, place: int) -> str:
        """In a long table the URLs would be the largest part of the page."""
        is_there = series.lists and series.values[place] and len(self.labels) <= MOST_LINKED
        return self.base + series.lists[place] if is_there else ""


def base(filters: Filters, path: str, **changes: object) -> str:
    """The beginning of the lists' URLs: the filters, and a place for more parameters."""
    address = filters.address(path, **changes)
    return address + ("&" if "?" in address else "?")


def spark(found: Sequence[Value]) -> str:
    """Values as the path of a sparkline, 100 wide and 26 high; empty for a single value."""
    if sum(value is not None for value in found) < 2:
        return ""
    most = max(value for value in found if value is not None) or 1
    step, parts, pen = 100 / (len(found) - 1), [], "M"
    for place, value in enumerate(found):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place * step:.1f} {25 - value / most * 24:.1f}")
        pen = "L"
    return "".join(parts)


def tenths(shares: Sequence[float]) -> list[int]:
    """Shares as tenths of a per cent that add up to 100."""
    return rounded([share * 1000 for share in shares], 1000)


def noted(team: Team, spans: Sequence[tuple[date, date]]) -> list[dict[str, Any]]:
    """The team's notes at the positions of the spans of their days, numbered by day."""
    if not spans:
        return []
    rows = once(("notes", team.pk), lambda: list(Note.objects.for_team(team)))
    within = [note for note in rows if spans[0][0] <= note.day <= spans[-1][1]]
    return [
        {"place": place, "number": number, "text": note.text, "day": f"{note.day:%-d %b %Y}"}
        for number, note in enumerate(within, 1)
        for place, (first, last) in enumerate(spans)
        if first <= note.day <= last
    ]


def trend(
    points: Sequence[OfSpan], filters: Filters, path: str, team: Team, **described: Any
) -> Callable[..., Chart]:
    """A chart over a period's weeks or months, each linked to the pull requests behind it.

    `behind` are their query parameters besides the week or month.
    """
    spans = [point.span for point in points]
    days = [{"since": span.first.isoformat(), "until": span.last.isoformat()} for span in spans]
    common = {
        "labels": [span.name for span in spans],
        "partial": [span.is_partial for span in spans],
        "base": base(filters, path, range=None, since=None, until=None),
        "label_name": "Week" if filters.period.unit == "week" else "Month",
        "notes": noted(team, [(span.first, span.last) for span in spans]),
        "dates": [_dates(span) for span in spans],
    }

    def make(*series: Series, behind: Mapping[str, str] | None = None, **more: Any) -> Chart:
        lists = [urlencode({**each, **(behind or {})}) for each in days]
        linked = [replace(each, lists=lists) for each in series]
        return Chart(series=linked, **{**common, **described, **more})

    return make


def _dates(span: Span) -> str:
    """`12 to 18 Oct 2026`."""
    same_month = (span.first.year, span.first.month) == (span.last.year, span.last.month)
    if span.first == span.last:
        return f"{span.last:%-d %b %Y}"
    return f"{span.first:%-d}{'' if same_month else f'{span.first: %b}'} to {span.last:%-d %b %Y}"


def counted(points: Sequence[Point], read: Callable[[Figures], int]) -> list[int]:
    """How many pull requests the values of each week or month are based on."""
    return [read(point.figures) if point.figures else 0 for point in points]


def values(points: Sequence[Point], read: Callable[[Figures], Value]) -> list[Value]:
    """One figure of each week or month, None if nothing was merged."""
    return [read(point.figures) if point.figures else None for point in points]


def spread_series(points: Sequence[Point], name: str, colour: str) -> list[Series]:
    """Median, 75th and 90th percentile of a duration."""
    return [
        Series("Median", values(points, lambda f: f.spreads[name].median), colour),
        Series("75th percentile", values(points, lambda f: f.spreads[name].p75), colour, True),
        Series("90th percentile", values(points, lambda f: f.spreads[name].p90), colour, True),
    ]


def stage_series(points: Sequence[Point]) -> list[Series]:
    """The four stages of each week's average pull request."""
    return [
        Series(
            STAGE_NAMES[name],
            values(points, lambda f, name=name: f.mean_stages.get(name)),  # type: ignore[misc]
            f"stage-{name.removesuffix('_time')}",
        )
        for name in STAGES
    ]
