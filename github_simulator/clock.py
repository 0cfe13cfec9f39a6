"""GitHub's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class Clock:
    """The machine's time, which tests and the control address move forward."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.date_off = timedelta()  # the error of the header `Date`

    def now(self) -> datetime:
        return (datetime.now(UTC) + self.offset).replace(microsecond=0)

    def timestamp(self) -> float:
        return (datetime.now(UTC) + self.offset).timestamp()

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)

    def date(self) -> str:
        """The header of that name."""
        return format_datetime(self.now() + self.date_off, usegmt=True)
