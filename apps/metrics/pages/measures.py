"""The figures that sum a period up, each beside that of the period before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.metrics.figures.counting import Spread
from apps.metrics.figures.queries import Change, Figures
from apps.metrics.filters.chosen import Filters

# What changed less is neither better nor worse: per cent, and percentage points of a share.
NOTABLE, NOTABLE_POINTS = 5, 1
MOST_VERDICTS = 3


@dataclass(frozen=True)
class Tile:
    """A figure with its change; `good` says which way is better, if one is."""

    label: str
    anchor: str
    unit: str
    change: Change
    link: str
    good: str = ""
    spread: Spread | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`better`, `worse` or nothing, for a change that a percentage is shown for."""
        percent = self.change.percent
        if not self.good or percent is None or not self._is_notable(percent):
            return ""
        return "better" if (percent < 0) == (self.good == "less") else "worse"

    def _is_notable(self, percent: float) -> bool:
        now, before = self.change.now, self.change.before
        if self.unit != "share" or now is None or before is None:
            return abs(percent) >= NOTABLE
        return abs(100 * (now - before)) >= NOTABLE_POINTS


@dataclass(frozen=True)
class Measure:
    """What a tile shows: how it is read, how many it is from, and what its list begins with."""

    label: str
    anchor: str
    unit: str
    read: Callable[[Figures], float | None]
    link: Mapping[str, str] = field(default_factory=dict)
    good: str = ""
    spread: Callable[[Figures], Spread | None] = lambda figures: None
    note: Callable[[Figures], str] = lambda figures: ""
    base: Callable[[Figures], int] = lambda figures: figures.merged


def _duration(label: str, name: str) -> Measure:
    return Measure(
        label,
        name,
        "duration",
        lambda figures: figures.spreads[name].median,
        {"sort": f"-{name}"},
        "less",
        lambda figures: figures.spreads[name],
        base=lambda figures: figures.spreads[name].count,
    )


def _per_author(figures: Figures) -> str:
    if figures.authors < 2 or figures.per_author is None:
        return ""
    return f"{figures.per_author:.2f} an author, of {figures.authors:,}"


MEASURES = (
    Measure(
        *("Merged a week", "throughput", "decimal", lambda f: f.per_week),
        good="more",
        note=_per_author,
    ),
    _duration("Cycle time", "cycle_time"),
    _duration("Pickup time", "pickup_time"),
    _duration("Time to merge", "time_to_merge"),
    Measure(
        *("Review coverage", "review_coverage", "share", lambda f: f.coverage),
        link={"reviewed": "no"},
        good="more",
    ),
    Measure(
        *("Lines changed", "size", "count", lambda f: f.lines.median),
        link={"sort": "-lines"},
        spread=lambda f: f.lines,
    ),
    Measure(
        *("Review rounds", "review_rounds", "hundredths", lambda f: f.mean_rounds),
        link={"sort": "-review_rounds"},
        good="less",
        note=lambda _: "a reviewed pull request",
        base=lambda f: f.reviewed,
    ),
    Measure(
        *("Reverts", "revert_rate", "share", lambda f: f.revert_rate),
        link={"flag": "revert"},
        good="less",
    ),
)


def tiles(
    now: Figures, before: Figures, filters: Filters, path: str, *, judged: bool = True
) -> list[Tile]:
    """Each figure with its change; `judged` says which way is better."""
    return [
        Tile(
            each.label,
            each.anchor,
            each.unit,
            Change.of(each.read(now), each.read(before), each.base(before)),
            filters.address(path, **each.link),
            each.good if judged else "",
            each.spread(now),
            each.note(now),
        )
        for each in MEASURES
    ]


def verdicts(shown: Sequence[Tile]) -> list[tuple[str, str, list[Tile]]]:
    """What got better and what worse, the greatest change first; cycle time is told apart."""
    changed = [tile for tile in shown if tile.verdict and tile.anchor != "cycle_time"]
    changed.sort(key=lambda tile: -abs(tile.change.percent or 0))
    found = [
        (verdict, words, [tile for tile in changed if tile.verdict == verdict][:MOST_VERDICTS])
        for verdict, words in (("better", "Better than before"), ("worse", "Worse than before"))
    ]
    return [each for each in found if each[2]]
