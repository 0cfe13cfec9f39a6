"""What an open pull request waits for, and for whom: METRICS, *What waits, and for whom*."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.metrics.calculations.facts import EventFact, GroupMembers, PullRequestFacts, ReviewFact

DRAFT, MERGE, AUTHOR, REVIEW, NOBODY = "draft", "merge", "author", "review", ""


@dataclass(frozen=True)
class Request:
    """A pending review request: to a person, or to a GitHub team.

    A team's id is None if GitHub did not return it.
    """

    since: datetime
    person: int | None = None
    group: int | None = None


@dataclass(frozen=True)
class Wait:
    """What is waited for, since when, and for a `review`, whose."""

    waiting_for: str
    since: datetime | None = None
    requests: tuple[Request, ...] = ()


def wait_of(
    facts: PullRequestFacts, reviews: Sequence[ReviewFact], ready_at: datetime | None
) -> Wait:
    """What a pull request waits for; `reviews` are those that count, in order of time."""
    if facts.state != "open":
        return Wait(NOBODY)
    if facts.is_draft:
        drafted = [event.at for event in facts.events if event.kind == "convert_to_draft"]
        return Wait(DRAFT, max(drafted, default=facts.opened_at))
    if approvals := [review.submitted_at for review in reviews if review.state == "approved"]:
        return Wait(MERGE, approvals[-1])
    if asked := _changes_asked_for(facts, reviews):
        return Wait(AUTHOR, asked[0].submitted_at)
    ready = ready_at or facts.opened_at
    # GitHub records a reply to a reviewer as a review, too.
    given = [r for r in facts.reviews if not (r.author.is_bot or r.author.is_same(facts.author))]
    pending = tuple(pending_requests(facts.events, given, facts.group_members))
    if not pending:
        return Wait(NOBODY, ready)
    return Wait(REVIEW, max(ready, min(request.since for request in pending)), pending)


def _changes_asked_for(facts: PullRequestFacts, reviews: Sequence[ReviewFact]) -> list[ReviewFact]:
    """Reviews that requested changes and were not followed by a commit."""
    last = max(facts.committed, default=None)
    return [
        review
        for review in reviews
        if review.state == "changes_requested" and (last is None or last <= review.submitted_at)
    ]


def pending_requests(
    events: Sequence[EventFact], reviews: Sequence[ReviewFact], members: GroupMembers
) -> Iterator[Request]:
    """Review requests that were neither withdrawn nor answered since.

    `reviews` are those by people, without the author's own.
    """
    requests = [event for event in events if event.kind.startswith("review_request")]
    # At the same time, a review comes after the request that it answers.
    happened: list[tuple[datetime, EventFact | None, int | None]] = sorted(
        [
            *((event.at, event, None) for event in requests),
            *((review.submitted_at, None, review.author.id) for review in reviews),
        ],
        key=lambda each: each[0],
    )
    standing: dict[tuple[bool, int | None], datetime] = {}
    for at, event, reviewer in happened:
        if event is None:
            _answer(standing, reviewer, members)
        elif event.kind == "review_requested" and _is_waited_for(event):
            standing.setdefault(_who(event), at)
        else:
            standing.pop(_who(event), None)
    for (is_group, number), since in standing.items():
        yield Request(since, *((None, number) if is_group else (number, None)))


def _is_waited_for(event: EventFact) -> bool:
    return event.is_group or (event.reviewer is not None and not event.is_bot)


def _who(event: EventFact) -> tuple[bool, int | None]:
    return event.is_group, event.group if event.is_group else event.reviewer


def _answer(
    standing: dict[tuple[bool, int | None], datetime], reviewer: int | None, members: GroupMembers
) -> None:
    """A review answers for its author, and for each of their teams.

    If a team's members are unknown, any review does.
    """
    for is_group, number in list(standing):
        if number == reviewer if not is_group else _speaks_for(reviewer, number, members):
            del standing[is_group, number]


def _speaks_for(reviewer: int | None, group: int | None, members: GroupMembers) -> bool:
    return group is None or group not in members or reviewer in members[group]


def answer_times(facts: PullRequestFacts, qualifying: Sequence[bool]) -> tuple[int | None, ...]:
    """For each review that requested changes, the seconds until the next commit, if any."""
    committed = sorted(facts.committed)
    found: list[int | None] = []
    for review, counts in zip(facts.reviews, qualifying, strict=True):
        asks = counts and review.state == "changes_requested"
        after = (at for at in committed if at > review.submitted_at)
        next_commit = next(after, None) if asks else None
        seconds = (next_commit - review.submitted_at).total_seconds() if next_commit else None
        found.append(None if seconds is None else int(seconds))
    return tuple(found)
