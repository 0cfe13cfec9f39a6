"""Sentences about what a filter shows and hides."""

from __future__ import annotations

from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period


def shown(filters: Filters, *, has_range: bool = True) -> str:
    """The period, what it is compared with, and what the selection is limited to."""
    period = _dates(filters.period) if has_range else "Open now"
    if has_range and filters.range != "all":
        period = f"{period}, compared with {_dates(filters.period.previous)}"
    only = [
        f"{kind} {names}" + (f" and {more:,} more" if more else "")
        for kind, names, more in filters.only
    ]
    return " · ".join(part for part in (period, *only, filters.hides) if part)


def _dates(period: Period) -> str:
    return f"{period.first:%-d %b %Y} to {period.last:%-d %b %Y}"


def how_many(shown: int, count: int, total: int, wanted: str) -> str:
    """How many options of a list are shown for the typed text."""
    if not total:
        return "None in use yet."
    if not count:
        return f"None of {total:,} has “{wanted}”."
    if shown < count:
        return f"{shown:,} of {count:,}; type to find the others."
    return f"{count:,}" if count == total else f"{count:,} of {total:,}"
