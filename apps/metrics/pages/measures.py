"""The one table of figures, for pages, comparisons, mails, the terminal and the API.

A line gives a figure's name in the API and its label, its unit, its section in *How we count*, how
to read it, which direction is better, and the query of its pull requests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from apps.metrics.calculations.changes import Verdict
from apps.metrics.figures.change_queries import OF_A_PERSON, Changes
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.queries import Change, Figures, Point
from apps.metrics.filters.chosen import Filters
from apps.teams.templatetags.display import duration_text

Value = float | int | None


@dataclass(frozen=True)
class Measure:
    """A figure. Unit is `duration` (seconds), `share`, `decimal`, `hundredths` or `count`.

    `read` returns a value, or with `is_median` the spread whose median is the value; `short` heads
    a column; `better` is `more` or `less`; `base` is the number of pull requests that the value is
    based on.
    """

    field: str
    label: str
    unit: str
    anchor: str
    read: Callable[[Any], Any]
    is_median: bool = False
    better: str = ""
    list: Mapping[str, str] = dataclasses.field(default_factory=dict)
    short: str = ""
    note: Callable[[Figures], str] = lambda _: ""
    base: Callable[[Any], int] = attrgetter("merged")

    def spread(self, figures: Any) -> Spread | None:
        """The distribution of the values, for a median."""
        found: Spread | None = self.read(figures) if self.is_median else None
        return found

    def value(self, figures: Any) -> Value:
        """The figure itself, None without data."""
        spread = self.spread(figures)
        found: Value = spread.median if spread else self.read(figures)
        return found

    def count(self, figures: Any) -> int:
        """The number of pull requests that it is based on."""
        spread = self.spread(figures)
        return spread.count if spread else self.base(figures)

    @property
    def heading(self) -> str:
        """The heading of its column."""
        return self.short or self.label


def _duration(name: str, label: str, short: str = "") -> Measure:
    def read(figures: Figures) -> Spread:
        return figures.spreads[name]

    return Measure(
        *(name, label, "duration", name, read),
        is_median=True,
        better="less",
        list={"figure": name},
        short=short,
    )


def _per_author(figures: Figures) -> str:
    if figures.authors < 2 or figures.per_author is None:
        return ""
    return f"{figures.per_author:.2f} by each of {figures.authors:,} authors"


_ALL = (
    Measure("merged", "Merged", "count", "throughput", attrgetter("merged"), better="more"),
    Measure(
        *("merged_per_week", "Merged a week", "decimal", "throughput", attrgetter("per_week")),
        better="more",
        short="A week",
        note=_per_author,
    ),
    Measure("active_authors", "Authors", "count", "active_author", attrgetter("authors")),
    Measure(
        *("merged_per_week_and_author", "Merged a week and author", "hundredths", "throughput"),
        attrgetter("per_author"),
        better="more",
    ),
    _duration("cycle_time", "Cycle time"),
    _duration("coding_time", "Coding time", "Coding"),
    _duration("pickup_time", "Pickup time", "Pickup"),
    _duration("review_time", "Review time", "Review"),
    _duration("merge_time", "Merge time", "Merge"),
    _duration("time_to_merge", "Time to merge"),
    Measure(
        *("review_coverage", "Review coverage", "share", "review_coverage"),
        attrgetter("coverage"),
        better="more",
        list={"reviewed": "yes"},
        short="Reviewed",
    ),
    Measure(
        *("size", "Lines changed", "count", "size", attrgetter("lines")),
        is_median=True,
        list={"figure": "size"},
        short="Lines",
    ),
    Measure(
        *("mean_review_rounds", "Review rounds", "hundredths", "review_rounds"),
        attrgetter("mean_rounds"),
        better="less",
        list={"reviewed": "yes", "sort": "-review_rounds"},
        note=lambda _: "a reviewed pull request",
        base=attrgetter("reviewed"),
    ),
    Measure(
        *("revert_rate", "Reverts", "share", "revert_rate", attrgetter("revert_rate")),
        better="less",
        list={"flag": "revert"},
    ),
    Measure(
        *("reverts", "Reverts", "count", "revert_rate", attrgetter("reverts")),
        list={"flag": "revert"},
    ),
    Measure(
        *("hotfixes", "Hotfixes", "count", "hotfix", attrgetter("hotfixes")),
        list={"flag": "hotfix"},
    ),
)
MEASURES: Mapping[str, Measure] = {each.field: each for each in _ALL}
WEEKLY = "merged_per_week"
# The main figures, and those shown next to them.
FIRST = ("cycle_time", "pickup_time", WEEKLY, "review_coverage")
OTHERS = ("time_to_merge", "size", "mean_review_rounds", "revert_rate", "hotfixes")
TILES = (*FIRST, *OTHERS)


@dataclass(frozen=True)
class Tile:
    """A figure with its change, and whether that is significant: see `calculations.changes`."""

    measure: Measure
    change: Change
    link: str = ""
    judged: Verdict = dataclasses.field(default_factory=Verdict)
    spread: Spread | None = None
    note: str = ""
    line: Sequence[Value] = ()
    """The same week by week, of whole weeks."""

    @property
    def field(self) -> str:
        """As in the table."""
        return self.measure.field

    @property
    def label(self) -> str:
        """The label for users."""
        return self.measure.label

    @property
    def unit(self) -> str:
        """As in the table."""
        return self.measure.unit

    @property
    def anchor(self) -> str:
        """The anchor of its definition."""
        return self.measure.anchor

    @property
    def verdict(self) -> str:
        """`better`, `worse` or empty: only for a change beyond chance that can be interpreted."""
        better = self.measure.better
        if not better or not self.judged.is_change or self.reads_the_same:
            return ""
        return "better" if (self.judged.direction == "lower") == (better == "less") else "worse"

    @property
    def reads_the_same(self) -> bool:
        """Whether both figures look the same when displayed."""
        now, before = self.change.now, self.change.before
        if now is None or before is None:
            return True
        if self.unit == "duration":
            return duration_text(now) == duration_text(before)
        digits = {"share": 3, "decimal": 1, "hundredths": 2}.get(self.unit, 0)
        return round(now, digits) == round(before, digits)


def tiles(
    now: Figures,
    before: Figures,
    filters: Filters,
    path: str,
    fields: Sequence[str] = TILES,
    *,
    changes: Changes | None = None,
    points: Sequence[Point] = (),
) -> list[Tile]:
    """Figures with their changes, each with the URL of its pull requests.

    Without `changes` none is judged. A weekly rate is a total if the period is short.
    """
    judgement = changes or Changes(why_not=OF_A_PERSON)
    full_weeks = [point for point in points if not point.span.is_partial]
    if not filters.tells_weeks:
        fields = ["merged" if name == WEEKLY else name for name in fields]
    return [
        Tile(
            each,
            Change.between(_value(each, now), _value(each, before), each.count(before)),
            filters.address(path, **each.list),
            judgement.verdict(each.field),
            each.spread(now),
            each.note(now),
            [_value(each, point.figures) if point.figures else None for point in full_weeks],
        )
        for each in (MEASURES[name] for name in fields)
    ]


def _value(measure: Measure, figures: Figures) -> Value:
    """Missing data is never zero."""
    return measure.value(figures) if figures.merged or measure.field == "merged" else None
