"""Splits long sequences: a database or GitHub takes only so many values at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
VALUES = 500
"""In one condition of a query: some databases take a thousand variables."""


def chunks(items: Sequence[T], size: int = VALUES) -> Iterator[Sequence[T]]:
    """`items` in chunks of `size`; the last may be shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))
