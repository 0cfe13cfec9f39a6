"""How counts, lists and statuses read in the sentences of pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page


@dataclass(frozen=True)
class Status:
    """A badge in a tone (`good`, `info`, `warn`, `bad` or none), and the text after it."""

    badge: str
    tone: str = ""
    note: str = ""


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 webhook`, `1,024 webhooks`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listed(names: Sequence[str], most: int) -> str:
    """The first of some names: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def caption(page: Page[Any], one: str, many: str = "") -> str:
    """A table's caption: `132 people, 1 to 100 shown`."""
    total = counted(page.paginator.count, one, many)
    if page.paginator.num_pages == 1:
        return total
    return f"{total}, {page.start_index():,} to {page.end_index():,} shown"
