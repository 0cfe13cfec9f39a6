"""The stages of an average, as parts of a bar and lines of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from apps.metrics.figures.counting import Spread
from apps.metrics.pages import charts
from apps.teams.templatetags.display import unbroken


@dataclass(frozen=True)
class Stage:
    """A stage's mean in seconds, its share of the average, and where it begins in the bar."""

    field: str
    mean: float
    share: float
    begin: float
    tenths: int
    spread: Spread | None = None
    before: float | None = None
    """The mean of the previous period."""

    @property
    def key(self) -> str:
        """As in the style sheet."""
        return self.field.removesuffix("_time")

    @property
    def name(self) -> str:
        """The label for users."""
        return charts.STAGE_NAMES[self.field]

    @property
    def sort(self) -> str:
        """The sort order with its longest first."""
        return f"-{self.field}"

    @property
    def percent(self) -> str:
        """Its share for display: those of all stages add up to 100."""
        return unbroken(f"{self.tenths / 10:.1f} %")

    @property
    def x(self) -> str:
        """Where it begins in the bar."""
        return f"{self.begin * 100:.3f}%"

    @property
    def width(self) -> str:
        """Its width in the bar."""
        return f"{self.share * 100:.3f}%"


def stages_of(
    means: Mapping[str, float],
    spreads: Mapping[str, Spread] | None = None,
    before: Mapping[str, float] | None = None,
) -> list[Stage]:
    """The stages of an average, in order; empty if it is zero."""
    total = sum(means.values())
    if not total:
        return []
    shares = [mean / total for mean in means.values()]
    begins = accumulate(shares, initial=0.0)
    return [
        Stage(name, mean, share, begin, tenths, (spreads or {}).get(name), (before or {}).get(name))
        for (name, mean), share, begin, tenths in zip(
            means.items(), shares, begins, charts.tenths(shares), strict=False
        )
    ]
