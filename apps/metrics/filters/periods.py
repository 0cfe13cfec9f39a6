"""Days, weeks and months in a team's time zone. Periods include both ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PRESETS = {"4w": 28, "3m": 91, "12m": 364}
LONGEST_IN_WEEKS = 190


@dataclass(frozen=True)
class Period:
    """Whole days, the last one included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The moment after its end."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        """Its number of days."""
        return (self.last - self.first).days + 1

    @property
    def weeks(self) -> float:
        """Its length in weeks, for weekly rates."""
        return self.days / 7

    @property
    def previous(self) -> Period:
        """The period of equal length before it."""
        day = timedelta(days=1)
        return Period(self.first - self.days * day, self.first - day, self.zone)

    @property
    def unit(self) -> str:
        """The unit of its trends: `week`, or `month` if it is long."""
        return "week" if self.days <= LONGEST_IN_WEEKS else "month"

    def spans(self) -> list[Span]:
        """The weeks (from Monday) or months that it touches, cut at its ends."""
        begins = list(_weeks(self) if self.unit == "week" else _months(self))
        ends = [begin - timedelta(days=1) for begin in begins[1:]]
        ends.append(_unit_end(begins[-1], self.unit))
        return [self._span(*bounds) for bounds in zip(begins, ends, strict=True)]

    def _span(self, first: date, last: date) -> Span:
        is_partial = first < self.first or last > self.last
        name = _name(first, self.unit)
        return Span(max(first, self.first), min(last, self.last), name, is_partial)

    def boundaries(self) -> list[datetime]:
        """The bounds of its spans, including its end."""
        return [*(midnight(span.first, self.zone) for span in self.spans()), self.end]


@dataclass(frozen=True)
class Span:
    """A week or month of a period; partial if it extends beyond the period."""

    first: date
    last: date
    name: str
    is_partial: bool


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a time zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _weeks(period: Period) -> Iterator[date]:
    begin = period.first - timedelta(days=period.first.weekday())
    while begin <= period.last:
        yield begin
        begin += timedelta(days=7)


def _months(period: Period) -> Iterator[date]:
    begin = period.first.replace(day=1)
    while begin <= period.last:
        yield begin
        begin = _next_month(begin)


def _next_month(begin: date) -> date:
    return (begin + timedelta(days=31)).replace(day=1)


def _unit_end(begin: date, unit: str) -> date:
    end = begin + timedelta(days=7) if unit == "week" else _next_month(begin)
    return end - timedelta(days=1)


def _name(begin: date, unit: str) -> str:
    return f"{begin:%G-W%V}" if unit == "week" else f"{begin:%Y-%m}"
