"""Where a team's days begin."""

from __future__ import annotations

from zoneinfo import ZoneInfo


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name; UTC where there is none such."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return ZoneInfo("UTC")
