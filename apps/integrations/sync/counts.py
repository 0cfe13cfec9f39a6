"""Compares stored data with GitHub's count, and finds what GitHub's lists did not show.

A late index can insert a pull request below the place where a walk begins. Then only the count
reveals it, and it is found by its number. Some counts stay higher than what can be found: after
some attempts the repository is complete, and says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.chunks import chunks
from apps.integrations.github import pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.pull_requests import Identified
from apps.integrations.models import StalePullRequest, SyncStatus, TrackedRepository
from apps.metrics.models import PullRequest

# Numbers requested in a query; each costs a point.
AT_ONCE = 100
# A missing one is usually new; issues share the numbers.
MOST_QUERIES = 3
BEYOND_THE_LAST = 20
LOOKS = 4
# Between two attempts.
LOOK_AGAIN = timedelta(hours=1)


def missing(tracked: TrackedRepository) -> int:
    """How many pull requests that GitHub counts are still missing."""
    return max(0, _more(tracked) - tracked.unshown)


def ending(tracked: TrackedRepository, missing: int, now: datetime) -> dict[str, Any]:
    """The columns with which a sync ends: complete only if no more are missing."""
    complete = {"status": SyncStatus.COMPLETE, "error": "", "due_at": None, "looks": 0}
    if not missing:
        # GitHub may have shown some since, or no longer count them.
        left = min(tracked.unshown, _more(tracked)) if tracked.unshown else 0
        return complete | {"unshown": left}
    if tracked.looks + 1 >= LOOKS:
        return complete | {"unshown": tracked.unshown + missing}
    return {
        "status": SyncStatus.ERROR,
        "error": sentence(tracked, missing),
        "due_at": now + LOOK_AGAIN,
        "looks": tracked.looks + 1,
    }


def remark(unshown: int) -> str:
    """A remark on an otherwise complete repository; empty for none."""
    if not unshown:
        return ""
    noun = "pull request" if unshown == 1 else "pull requests"
    return f"GitHub counts {unshown:,} {noun} more than it shows."


def _more(tracked: TrackedRepository) -> int:
    """How many GitHub counts that are neither stored nor recorded as unreadable."""
    stored = PullRequest.objects.filter(repository=tracked.repository)
    aside = StalePullRequest.objects.filter(tracked=tracked).exclude(
        number__in=stored.values("number")
    )
    known = stored.count() + aside.count()
    return max(0, (tracked.pull_requests_total or 0) - known)


def find(github: GitHub, tracked: TrackedRepository, wanted: int) -> list[Identified]:
    """Up to `wanted` pull requests with numbers that are not stored, newest first, if they exist.

    Raises GitHubError.
    """
    found: list[Identified] = []
    numbers = _unknown(tracked)[: MOST_QUERIES * AT_ONCE]
    for some in chunks(numbers, AT_ONCE):
        if len(found) < wanted:
            found += pull_requests.by_numbers(github, tracked.repository.node_id, some)
    return found


def mark(tracked: TrackedRepository, found: list[Identified], now: datetime) -> None:
    """Marks found pull requests for fetching."""
    StalePullRequest.objects.bulk_create(
        [
            StalePullRequest(
                team_id=tracked.team_id,
                tracked=tracked,
                number=one.number,
                node_id=one.id,
                marked_at=now,
                due_at=now,
            )
            for one in sorted(found, key=lambda one: one.number)
        ],
        ignore_conflicts=True,
    )


def agrees(tracked: TrackedRepository, open_there: int) -> bool:
    """Whether as many are open here as at GitHub, except for unreadable ones."""
    here = len(_open(tracked))
    aside = StalePullRequest.objects.filter(tracked=tracked).count()
    return here <= open_there <= here + aside + tracked.unshown


def otherwise_open(tracked: TrackedRepository, there: dict[int, str]) -> dict[int, str]:
    """By number, the ids of those open only here or only on GitHub."""
    here = _open(tracked)
    return {number: there.get(number) or here[number] for number in here.keys() ^ there.keys()}


def _open(tracked: TrackedRepository) -> dict[int, str]:
    rows = PullRequest.objects.filter(repository=tracked.repository, state=PullRequest.State.OPEN)
    return dict(rows.values_list("number", "node_id"))


def sentence(tracked: TrackedRepository, count: int) -> str:
    """What is not complete."""
    return (
        f"GitHub counts {tracked.pull_requests_total:,} pull requests, and {count:,} of them could "
        "not be found. They will be looked for again automatically."
    )


def _unknown(tracked: TrackedRepository) -> list[int]:
    """Unused numbers, from a little above the last known one down."""
    stored = PullRequest.objects.filter(repository=tracked.repository)
    known = set(stored.values_list("number", flat=True))
    last = max(known, default=0) + BEYOND_THE_LAST
    return [number for number in range(last, 0, -1) if number not in known]
