"""Timestamps as GitHub writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def zulu(instant: datetime) -> str:
    """In UTC, to the second: 2026-01-31T12:00:00Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional_zulu(instant: datetime | None) -> str | None:
    return zulu(instant) if instant else None


def with_offset(instant: datetime) -> str:
    """As git stores it, with the committer's offset."""
    if not instant.utcoffset():
        return zulu(instant)
    return instant.isoformat(timespec="seconds")
