"""The one table of figures: pages, side by side, mails, the terminal and the API read it.

A line says what a figure is called in the API and by people, its unit, where *How we count* defines
it, how it is read, which way is better, and what the address of its pull requests says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from apps.metrics.figures.counting import Spread
from apps.metrics.figures.queries import Change, Figures
from apps.metrics.filters.chosen import Filters

Value = float | int | None
# What changed less is neither better nor worse: per cent, and percentage points of a share.
NOTABLE, NOTABLE_POINTS = 5, 1
MOST_VERDICTS = 3


@dataclass(frozen=True)
class Measure:
    """A figure. Unit is `duration` (seconds), `share`, `decimal`, `hundredths` or `count`.

    `read` finds a value, or with `is_median` the spread whose median is the value; `short` heads a
    column; `better` is `more` or `less`; `base` is how many pull requests the value is from.
    """

    field: str
    label: str
    unit: str
    anchor: str
    read: Callable[[Any], Any]
    is_median: bool = False
    better: str = ""
    list: Mapping[str, str] = field(default_factory=dict)
    short: str = ""
    note: Callable[[Figures], str] = lambda _: ""
    base: Callable[[Any], int] = attrgetter("merged")

    def spread(self, figures: Any) -> Spread | None:
        """How the values are spread, where it is a median."""
        found: Spread | None = self.read(figures) if self.is_median else None
        return found

    def value(self, figures: Any) -> Value:
        """The figure itself, None without data."""
        spread = self.spread(figures)
        found: Value = spread.median if spread else self.read(figures)
        return found

    def count(self, figures: Any) -> int:
        """How many pull requests it is from."""
        spread = self.spread(figures)
        return spread.count if spread else self.base(figures)

    @property
    def heading(self) -> str:
        """What heads its column."""
        return self.short or self.label


def _duration(name: str, label: str, short: str = "") -> Measure:
    def read(figures: Figures) -> Spread:
        return figures.spreads[name]

    return Measure(
        *(name, label, "duration", name, read),
        is_median=True,
        better="less",
        list={"sort": f"-{name}"},
        short=short,
    )


def _per_author(figures: Figures) -> str:
    if figures.authors < 2 or figures.per_author is None:
        return ""
    return f"{figures.per_author:.2f} an author, of {figures.authors:,}"


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
        list={"reviewed": "no"},
        short="Reviewed",
    ),
    Measure(
        *("size", "Lines changed", "count", "size", attrgetter("lines")),
        is_median=True,
        list={"sort": "-lines"},
        short="Lines",
    ),
    Measure(
        *("mean_review_rounds", "Review rounds", "hundredths", "review_rounds"),
        attrgetter("mean_rounds"),
        better="less",
        list={"sort": "-review_rounds"},
        note=lambda _: "a reviewed pull request",
        base=attrgetter("reviewed"),
    ),
    Measure(
        *("revert_rate", "Reverts", "share", "revert_rate", attrgetter("revert_rate")),
        better="less",
        list={"flag": "revert"},
    ),
    Measure("reverts", "Reverts", "count", "revert_rate", attrgetter("reverts")),
    Measure("hotfixes", "Hotfixes", "count", "hotfix", attrgetter("hotfixes")),
)
MEASURES: Mapping[str, Measure] = {each.field: each for each in _ALL}
TILES = (
    *("merged_per_week", "cycle_time", "pickup_time", "time_to_merge"),
    *("review_coverage", "size", "mean_review_rounds", "revert_rate"),
)


@dataclass(frozen=True)
class Tile:
    """A figure with its change; whoever is not to be judged gets no verdict."""

    measure: Measure
    change: Change
    link: str = ""
    is_judged: bool = True
    spread: Spread | None = None
    note: str = ""

    @property
    def field(self) -> str:
        """As in the table."""
        return self.measure.field

    @property
    def label(self) -> str:
        """As people read it."""
        return self.measure.label

    @property
    def unit(self) -> str:
        """As in the table."""
        return self.measure.unit

    @property
    def anchor(self) -> str:
        """Where it is defined."""
        return self.measure.anchor

    @property
    def verdict(self) -> str:
        """`better`, `worse` or nothing, for a change that a percentage is shown for."""
        percent, better = self.change.percent, self.measure.better
        if not (better and self.is_judged) or percent is None or not self._is_notable(percent):
            return ""
        return "better" if (percent < 0) == (better == "less") else "worse"

    def _is_notable(self, percent: float) -> bool:
        now, before = self.change.now, self.change.before
        if self.unit != "share" or now is None or before is None:
            return abs(percent) >= NOTABLE
        return abs(100 * (now - before)) >= NOTABLE_POINTS


def tiles(
    now: Figures,
    before: Figures,
    filters: Filters,
    path: str,
    fields: Sequence[str] = TILES,
    *,
    judged: bool = True,
) -> list[Tile]:
    """Figures with their changes, each with the address of its pull requests."""
    return [
        Tile(
            each,
            Change.of(each.value(now), each.value(before), each.count(before)),
            filters.address(path, **each.list),
            judged,
            each.spread(now),
            each.note(now),
        )
        for each in (MEASURES[name] for name in fields)
    ]


def verdicts(shown: Sequence[Tile]) -> list[tuple[str, str, list[Tile]]]:
    """What got better and what worse, the greatest change first; cycle time is told apart."""
    changed = [tile for tile in shown if tile.verdict and tile.field != "cycle_time"]
    changed.sort(key=lambda tile: -abs(tile.change.percent or 0))
    found = [
        (verdict, words, [tile for tile in changed if tile.verdict == verdict][:MOST_VERDICTS])
        for verdict, words in (("better", "Better than before"), ("worse", "Worse than before"))
    ]
    return [each for each in found if each[2]]
