"""Invariants for every budget, page size and watermark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
from hypothesis import given
from hypothesis import strategies as st

from apps.integrations.github import limits
from apps.integrations.sync.walk import OVERLAP, reaches, settled

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
sizes = st.integers(limits.SMALLEST_PAGE, limits.LARGEST_PAGE)
junk = st.sampled_from(["", "soon", "-1", "1e9", "٣", "²", "Wed, 21 Oct 2026 07:28:00 GMT"])
headers = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.one_of(st.integers(0, 10**30).map(str), junk),
        "x-ratelimit-limit": st.one_of(st.integers(0, 15_000).map(str), junk),
        "x-ratelimit-remaining": st.one_of(st.integers(0, 15_000).map(str), junk),
        "x-ratelimit-reset": st.one_of(st.integers(-(10**18), 10**18).map(str), junk),
        "x-ratelimit-resource": st.sampled_from(["core", "graphql"]),
        "date": st.one_of(st.datetimes().map(format_datetime), junk),
    },
)


def test_it_works() -> None:
    given = {"retry-after": "90"}
    assert limits.wait_until(given, NOON, secondary=True) == NOON + timedelta(seconds=90)


@given(st.timedeltas(-timedelta(days=1), timedelta(days=1)))
def test_the_reset_uses_githubs_clock(ahead: timedelta) -> None:
    there = NOON + timedelta(seconds=int(ahead.total_seconds()))
    given = {
        "date": format_datetime(there, usegmt=True),
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(there.timestamp()) + 600),
    }
    assert limits.wait_until(given, NOON, secondary=False) == NOON + timedelta(seconds=601)


@given(headers, st.booleans())
def test_a_wait_is_never_over_before_it_began(given: dict[str, str], secondary: bool) -> None:
    wait = limits.wait_until(given, NOON, secondary=secondary) - NOON
    assert timedelta() < wait <= limits.LONGEST_WAIT


@given(headers)
def test_headers_in_any_shape_are_a_limit_or_none(given: dict[str, str]) -> None:
    found = limits.from_headers(given)
    assert found is None or found.reset_at.tzinfo is UTC


def test_headers_are_found_in_any_case() -> None:
    names = ("limit", "remaining", "reset")
    given = httpx.Headers({f"X-RateLimit-{name}": "7" for name in names})
    assert limits.from_headers(given) is not None


@given(st.integers(0, 1000))
def test_the_wait_after_failures_grows_to_a_quarter_of_an_hour(failures: int) -> None:
    wait, most = limits.backoff(failures), timedelta(minutes=22.5)
    assert timedelta(seconds=0.5) <= wait <= most
    assert wait <= 3 * limits.backoff(failures + 1)


@given(st.lists(st.booleans(), max_size=60), sizes)
def test_a_page_stays_within_its_bounds_and_grows_back(went_well: list[bool], size: int) -> None:
    for good in went_well:
        size = limits.larger(size) if good else limits.smaller(size)
        assert limits.SMALLEST_PAGE <= size <= limits.LARGEST_PAGE
    for _ in range(20):
        size = limits.larger(size)
    assert size == limits.LARGEST_PAGE


@given(sizes)
def test_a_page_that_was_too_heavy_shrinks(size: int) -> None:
    assert limits.smaller(size) < size or size == limits.SMALLEST_PAGE


@given(sizes)
def test_no_page_costs_more_than_a_point(size: int) -> None:
    assert limits.points(1 + 4 * size) == 1


# Changes, each at a second of an hour and delayed in GitHub's index; and walks.
seconds = st.integers(0, 3600)
changes = st.lists(st.tuples(seconds, st.integers(0, int(OVERLAP.total_seconds()) - 1)), min_size=1)
walks = st.lists(seconds, min_size=1)


@given(changes, walks, st.integers(1, 5))
def test_no_change_escapes_whatever_comes_when(
    changes: list[tuple[int, int]], walks: list[int], page_size: int
) -> None:
    read: set[int] = set()
    watermark = None
    for second in [*sorted(walks), 2 * 3600]:
        now = NOON + timedelta(seconds=second)
        visible = [n for n, (at, lag) in enumerate(changes) if at + lag <= second]
        visible.sort(key=lambda n: changes[n][0], reverse=True)
        at = {n: NOON + timedelta(seconds=changes[n][0]) for n in visible}
        for start in range(0, len(visible), page_size):
            page = visible[start : start + page_size]
            read.update(page)
            if reaches([at[n] for n in page], watermark):
                break
        raised = settled([at[n] for n in visible], now)
        watermark = max(watermark, raised) if watermark else raised
    assert read == set(range(len(changes)))
