"""Timestamps in, figures out: METRICS as pure functions, without a database or a clock.

Timestamps are aware datetimes. Durations are whole seconds: timestamps are truncated to seconds
before they are subtracted, so that the stages add up to the cycle time exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from apps.metrics.calculations import globs
from apps.metrics.calculations.facts import (
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.waiting import wait_of

OLD_COMMIT = timedelta(days=30)

_SIZES = ((10, "XS"), (50, "S"), (200, "M"), (500, "L"))
_REVERTS = re.compile(r"\bReverts (?:([\w.-]+/[\w.-]+))?#(\d{1,9})(?!\d)")
_REVERTED_SHA = re.compile(r"\bThis reverts commit ([0-9a-fA-F]{7,64})(?![0-9a-zA-Z])")


@dataclass(frozen=True)
class Durations:
    """Whole seconds; None if the stage did not happen or the pull request is not merged."""

    cycle_time: int | None = None
    coding_time: int | None = None
    pickup_time: int | None = None
    review_time: int | None = None
    merge_time: int | None = None
    time_to_merge: int | None = None


@dataclass(frozen=True, kw_only=True)
class Figures(Durations):
    """A pull request's calculated columns; the last two are parallel to its reviews.

    `responses` are the seconds until a reviewer's first review that counts.
    """

    first_commit_at: datetime
    last_commit_at: datetime | None
    ready_at: datetime | None
    first_review_at: datetime | None
    approved_at: datetime | None
    review_rounds: int
    commits_after_first_review: int
    reviewer_count: int
    size: str | None
    has_old_commit: bool
    waiting_for: str
    waiting_since: datetime | None
    qualifying: tuple[bool, ...]
    responses: tuple[int | None, ...]


def calculate(facts: PullRequestFacts) -> Figures:
    """Every figure of a pull request."""
    qualifying = tuple(_qualifies(review, facts) for review in facts.reviews)
    reviews = sorted(
        (review for review, counts in zip(facts.reviews, qualifying, strict=True) if counts),
        key=lambda review: review.submitted_at,
    )
    authored = [commit.authored_at for commit in facts.commits if commit.authored_at]
    first_commit_at = min([*authored, facts.opened_at])
    first_review_at = reviews[0].submitted_at if reviews else None
    approvals = [review.submitted_at for review in reviews if review.state == "approved"]
    approved_at = max(approvals, default=None)
    ready_at = _ready_at(facts)
    wait = wait_of(facts, reviews, ready_at)
    durations = _durations(facts, first_commit_at, ready_at, first_review_at, approved_at)
    return Figures(
        **vars(durations),
        first_commit_at=first_commit_at,
        last_commit_at=max(facts.committed, default=None),
        ready_at=ready_at,
        first_review_at=first_review_at,
        approved_at=approved_at,
        review_rounds=_review_rounds(facts, reviews),
        commits_after_first_review=_commits_after(facts.committed, first_review_at),
        reviewer_count=len({review.author.key for review in reviews}),
        size=_size(facts),
        has_old_commit=facts.opened_at - first_commit_at > OLD_COMMIT,
        waiting_for=wait.waiting_for,
        waiting_since=wait.since,
        qualifying=qualifying,
        responses=_responses(facts, qualifying, ready_at or facts.opened_at),
    )


def _size(facts: PullRequestFacts) -> str | None:
    if facts.additions is None or facts.deletions is None:
        return None
    return size(facts.additions + facts.deletions)


def size(lines: int) -> str:
    """XS to XL, by the number of lines added and deleted."""
    return next((name for limit, name in _SIZES if lines <= limit), "XL")


def _qualifies(review: ReviewFact, facts: PullRequestFacts) -> bool:
    ended_at = facts.ended_at
    return (
        review.state != "pending"
        and not review.author.is_bot
        and not review.author.is_same(facts.author)
        and not (facts.initiator and review.author.is_same(facts.initiator))
        and review.submitted_at >= facts.opened_at
        and (ended_at is None or review.submitted_at <= ended_at)
    )


def _responses(
    facts: PullRequestFacts, qualifying: Sequence[bool], ready_at: datetime
) -> tuple[int | None, ...]:
    """For each reviewer's first review that counts. Deleted accounts cannot be distinguished."""
    first: dict[int, int] = {}
    for place, review in enumerate(facts.reviews):
        who = review.author.id
        if who is None or not qualifying[place]:
            continue
        if who not in first or review.submitted_at < facts.reviews[first[who]].submitted_at:
            first[who] = place
    return tuple(
        _response(facts, review, ready_at) if first.get(review.author.id or 0) == place else None
        for place, review in enumerate(facts.reviews)
    )


def _response(facts: PullRequestFacts, review: ReviewFact, ready_at: datetime) -> int:
    requests = (
        event.at
        for event in facts.events
        if event.kind == "review_requested"
        and event.reviewer == review.author.id
        and event.at <= review.submitted_at
    )
    # A review of a draft precedes any request.
    return max(0, _second(review.submitted_at) - _second(min(requests, default=ready_at)))


def _ready_at(facts: PullRequestFacts) -> datetime | None:
    kinds = ("ready_for_review", "convert_to_draft")
    events = sorted((e for e in facts.events if e.kind in kinds), key=lambda event: event.at)
    opened_as_draft = events[0].kind == "ready_for_review" if events else facts.is_draft
    if not opened_as_draft:
        return facts.opened_at
    return events[0].at if events else None


def _durations(
    facts: PullRequestFacts,
    first_commit_at: datetime,
    ready_at: datetime | None,
    first_review_at: datetime | None,
    approved_at: datetime | None,
) -> Durations:
    if facts.merged_at is None:
        return Durations()
    end = _second(facts.merged_at)
    begin = min(_second(first_commit_at), end)
    ready = _between(begin, ready_at or facts.opened_at, end)
    return Durations(
        cycle_time=end - begin,
        coding_time=ready - begin,
        time_to_merge=max(0, end - _second(facts.opened_at)),
        **_review_stages(ready, first_review_at, approved_at, end),
    )


def _review_stages(
    ready: int, first_review_at: datetime | None, approved_at: datetime | None, end: int
) -> dict[str, int | None]:
    if first_review_at is None:
        return {"pickup_time": None, "review_time": None, "merge_time": end - ready}
    reviewed = _between(ready, first_review_at, end)
    if approved_at is None:
        return {
            "pickup_time": reviewed - ready,
            "review_time": end - reviewed,
            "merge_time": None,
        }
    approved = _between(reviewed, approved_at, end)
    return {
        "pickup_time": reviewed - ready,
        "review_time": approved - reviewed,
        "merge_time": end - approved,
    }


def _second(instant: datetime) -> int:
    return int(instant.replace(microsecond=0).timestamp())


def _between(earliest: int, instant: datetime, latest: int) -> int:
    return min(max(earliest, _second(instant)), latest)


def _review_rounds(facts: PullRequestFacts, reviews: Sequence[ReviewFact]) -> int:
    requests = [r.submitted_at for r in reviews if r.state == "changes_requested"]
    ends = [*requests, facts.ended_at]
    return sum(
        any(begin < at and (end is None or at < end) for at in facts.committed)
        for begin, end in pairwise(ends)
        if begin is not None
    )


def _commits_after(committed: Sequence[datetime], first_review_at: datetime | None) -> int:
    if first_review_at is None:
        return 0
    return sum(at > first_review_at for at in committed)


@dataclass(frozen=True)
class HotfixPatterns:
    """A team's own patterns, compared in any case.

    Labels match as a whole; branches and titles may use `*` and `?`. A title pattern without them
    is a prefix that ends at the end of a word.
    """

    labels: Sequence[str] = ("hotfix",)
    branches: Sequence[str] = ("hotfix/*",)
    titles: Sequence[str] = ("hotfix:*", "hotfix(*")


def is_hotfix(
    labels: Sequence[str], head_branch: str, title: str, patterns: HotfixPatterns
) -> bool:
    """Whether a label, the head branch or the title matches the team's patterns."""
    wanted = {label.casefold() for label in patterns.labels}
    return (
        any(label.casefold() in wanted for label in labels)
        or any(globs.fits(pattern, head_branch) for pattern in patterns.branches)
        or any(_title_matches(pattern, title) for pattern in patterns.titles)
    )


@dataclass(frozen=True)
class Exclusions:
    """Patterns of what a team excludes: repositories by full name, and base branches."""

    repositories: Sequence[str] = ()
    branches: Sequence[str] = ()


def is_excluded(repository: str, base_branch: str, exclusions: Exclusions) -> bool:
    """Whether a pull request of this repository into this branch is excluded from all figures."""
    return any(globs.fits(pattern, repository) for pattern in exclusions.repositories) or any(
        globs.fits(pattern, base_branch) for pattern in exclusions.branches
    )


def _title_matches(pattern: str, title: str) -> bool:
    if "*" in pattern or "?" in pattern:
        return globs.fits(pattern, title)
    beginning, title = pattern.casefold(), title.casefold()
    if not beginning or not title.startswith(beginning):
        return False
    follows = title[len(beginning) : len(beginning) + 1]
    return not (beginning[-1].isalnum() and (follows.isalnum() or follows == "_"))


@dataclass(frozen=True)
class RevertReference:
    """What a pull request says that it reverts; without a repository, its own."""

    repository: str = ""
    number: int | None = None


def reverts(title: str, body: str) -> RevertReference | None:
    """What is reverted, according to the title or the body; None if it is no revert."""
    if match := _REVERTS.search(body):
        return RevertReference(match[1] or "", int(match[2]))
    return RevertReference() if title.startswith('Revert "') else None


def reverted_sha(message: str) -> str | None:
    """The commit that a commit's message says it reverts; seven hex digits or more."""
    match = _REVERTED_SHA.search(message)
    return match[1].lower() if match else None
