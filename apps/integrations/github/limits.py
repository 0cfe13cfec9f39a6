"""PURE: budgets, waits and page sizes.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LARGEST_PAGE = 37  # round((1 + 37 · 4) / 100) is still one point; 38 would cost two.
SMALLEST_PAGE = 1
LONGEST_WAIT = timedelta(days=1)  # GitHub's windows are an hour long.
MOST_EMPTY_PAGES = 3  # in a row, of any list: GitHub hides items after it has counted them
ENDLESS = "GitHub sends pages without items, and says that more follow."


@dataclass(frozen=True)
class Limit:
    """What a response says of an account's budget; `remaining` in points (GraphQL) or requests."""

    resource: str
    limit: int
    remaining: int
    reset_at: datetime


def from_headers(headers: Mapping[str, str]) -> Limit | None:
    """The budget in a response's `x-ratelimit-*` headers; None if they are missing."""
    try:
        return Limit(
            resource=headers.get("x-ratelimit-resource", "core"),
            limit=int(headers["x-ratelimit-limit"]),
            remaining=int(headers["x-ratelimit-remaining"]),
            reset_at=datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC),
        )
    except (
        KeyError,
        ValueError,
        OverflowError,
        OSError,
    ):  # OSError: a year beyond the platform's range
        return None


def wait_until(headers: Mapping[str, str], now: datetime, *, secondary: bool) -> datetime:
    """When to retry after a rate limit: `retry-after`, else the reset, else a minute.

    Never later than `LONGEST_WAIT`, whatever a response says.
    """
    asked = _asked_for(headers, now)
    if asked is not None:
        return now + min(max(asked, timedelta(seconds=1)), LONGEST_WAIT)
    known = from_headers(headers)
    if known and (known.remaining == 0 or not secondary):
        # By GitHub's clock, which differs from ours; one second more, since it has whole seconds.
        left = known.reset_at - (answered_at(headers) or now)
        return now + min(max(left, timedelta()) + timedelta(seconds=1), LONGEST_WAIT)
    return now + timedelta(minutes=1)


def _asked_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wait that `retry-after` asks for, in seconds or until an instant."""
    given = headers.get("retry-after", "")
    seconds = given.partition(".")[0]
    if seconds.isdecimal():
        return timedelta(seconds=int(seconds[:9]) + ("." in given))
    at = _instant(given)
    return at - (answered_at(headers) or now) if at else None


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """When a response was sent, by GitHub's clock; None if it does not say."""
    return _instant(headers.get("date", ""))


def _instant(given: str) -> datetime | None:
    try:
        return parsedate_to_datetime(given).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def backoff(failures: int, chance: random.Random | None = None) -> timedelta:
    """How long to wait after consecutive failures: 1 s, 2 s, 4 s … at most 15 min, ± half."""
    seconds = min(900.0, 2.0 ** min(max(failures, 1) - 1, 20))
    return timedelta(seconds=seconds * (chance or random).uniform(0.5, 1.5))


def smaller(page_size: int) -> int:
    """The page size to use after GitHub found one too heavy."""
    return max(SMALLEST_PAGE, page_size // 2)


def larger(page_size: int, largest: int = LARGEST_PAGE) -> int:
    """The page size to use after a success: it grows back slowly."""
    return min(largest, page_size + max(1, page_size // 4))


def fewer(count: int) -> int:
    """How many items of a list to request at once after GitHub found this many too heavy.

    Each attempt can take ten seconds, so there are few of them: 100, 20, 4, 1.
    """
    return max(1, count // 5)


def points(requests: int) -> int:
    """A query's cost by GitHub's formula, `requests` being one for each parent of a connection."""
    return max(1, int(requests / 100 + 0.5))
