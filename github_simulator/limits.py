"""GitHub's rate limits, counted per account and not per token.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/graphql/overview/rate-limits-and-node-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

Resource = Literal["core", "graphql"]

WINDOW = 3600
ANONYMOUS = 0  # the account id for requests without a token
ANONYMOUS_LIMIT = 60
MOST_FAILURES = 10
LOCKOUT = 900


def installation_limit(repositories: int, people: int) -> int:
    """Requests or points an hour of a GitHub App's installation outside Enterprise Cloud."""
    more = max(0, repositories - 20) + max(0, people - 20)
    return min(12_500, 5_000 + 50 * more)


class Timestamps(Protocol):
    def timestamp(self) -> float: ...


@dataclass
class Window:
    """One account's use of one resource in the current hour; `reset` in epoch seconds."""

    limit: int
    reset: int
    used: int = 0

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass
class Limits:
    """Counters of every account. The maxima may be changed while the simulator runs."""

    clock: Timestamps
    maximum: dict[Resource, int] = field(default_factory=lambda: {"core": 5000, "graphql": 5000})
    per_minute: dict[Resource, int] = field(default_factory=lambda: {"core": 900, "graphql": 2000})
    content_per_minute: int = 80
    content_per_hour: int = 500
    concurrency: int = 100
    special: dict[int, int] = field(default_factory=dict)  # by account, such as an installation's
    enabled: bool = True  # an Enterprise Server may have them off: then /rate_limit is 404
    rest_status: int = 403  # or 429, when the hour's budget is used up
    newer_errors: bool = False  # GraphQL's error shape of 2026
    _in_progress: Counter[int] = field(default_factory=Counter)
    _failures: dict[str, deque[float]] = field(default_factory=dict)
    _windows: dict[tuple[int, Resource], Window] = field(default_factory=dict)
    _recent: dict[tuple[int, str], deque[tuple[float, int]]] = field(default_factory=dict)

    def window(self, account: int, resource: Resource) -> Window:
        """The account's current hour; a new one begins with the first use after the last."""
        now = self.clock.timestamp()
        window = self._windows.get((account, resource))
        if window is None or window.reset <= now:
            window = Window(self._limit(account, resource), int(now) + WINDOW)
            self._windows[account, resource] = window
        return window

    def charge(self, account: int, resource: Resource, points: int) -> None:
        self.window(account, resource).used += points

    def exhaust(self, account: int, resource: Resource) -> None:
        """Uses up the rest of this hour."""
        window = self.window(account, resource)
        window.used = window.limit

    def too_fast(self, account: int, resource: Resource, points: int) -> bool:
        """Counts points against the last minute; true if that exceeds a secondary limit."""
        return self._exceeds(account, resource, points, self.per_minute[resource], 60)

    def too_much_content(self, account: int) -> bool:
        """Counts one content-creating request; true if that exceeds a secondary limit."""
        minute = self._exceeds(account, "content/minute", 1, self.content_per_minute, 60)
        hour = self._exceeds(account, "content/hour", 1, self.content_per_hour, WINDOW)
        return minute or hour

    @contextmanager
    def one_more(self, account: int) -> Iterator[bool]:
        """Counts a request while it is handled; true if there are too many at once."""
        self._in_progress[account] += 1
        try:
            yield self._in_progress[account] > self.concurrency
        finally:
            self._in_progress[account] -= 1

    def failed_to_sign_in(self, authorization: str | None) -> None:
        times = self._failures.setdefault(authorization or "", deque(maxlen=MOST_FAILURES))
        times.append(self.clock.timestamp())

    def is_locked_out(self, authorization: str | None) -> bool:
        """A client that keeps sending the same invalid token is refused for a while."""
        times = self._failures.get(authorization or "", deque())
        return len(times) == MOST_FAILURES and times[0] > self.clock.timestamp() - LOCKOUT

    def reset(self) -> None:
        """Resets all counters; the maxima stay as they are."""
        self._failures.clear()
        self._windows.clear()
        self._recent.clear()

    def _limit(self, account: int, resource: Resource) -> int:
        if account == ANONYMOUS:
            return ANONYMOUS_LIMIT
        return self.special.get(account, self.maximum[resource])

    def _exceeds(self, account: int, name: str, points: int, maximum: int, seconds: int) -> bool:
        now = self.clock.timestamp()
        recent = self._recent.setdefault((account, name), deque())
        while recent and recent[0][0] <= now - seconds:
            recent.popleft()
        recent.append((now, points))
        return sum(each for _, each in recent) > maximum
