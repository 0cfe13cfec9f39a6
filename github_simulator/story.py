"""The events of a pull request, in order and in plain words, for its page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .world import Account, PullRequest, Review, Team, TimelineEvent

Line = tuple[datetime, str]

_EVENTS = {
    "AddedToMergeQueueEvent": "put it into the merge queue",
    "RemovedFromMergeQueueEvent": "removed it from the merge queue",
    "AutoMergeEnabledEvent": "let it merge by itself",
    "AutoSquashEnabledEvent": "let it be squashed by itself",
    "AutoMergeDisabledEvent": "took back that it merges by itself",
    "BaseRefChangedEvent": "aimed it at another branch",
    "DeployedEvent": "deployed it",
    "ReadyForReviewEvent": "marked it ready for review",
    "ConvertToDraftEvent": "made it a draft",
    "ReviewDismissedEvent": "dismissed a review",
    "HeadRefForcePushedEvent": "force-pushed the branch",
    "ClosedEvent": "closed it",
    "ReopenedEvent": "opened it again",
    "MergedEvent": "merged it",
}
_REVIEWS = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "requested changes",
    "COMMENTED": "reviewed with comments",
    "DISMISSED": "reviewed (dismissed since)",
}


def story(pull_request: PullRequest) -> list[Line]:
    """Commits by their author dates, reviews and events, the earliest first."""
    events = [*_commits(pull_request), *_reviews(pull_request.reviews)]
    events.append((pull_request.created_at, f"{who(pull_request.author)} opened it"))
    events += [(event.created_at, _event(event)) for event in pull_request.timeline]
    return sorted(events, key=lambda each: each[0])


def who(account: Account | Team | None) -> str:
    if account is None:
        return "ghost"
    return account.slug if isinstance(account, Team) else account.login


def state(pull_request: PullRequest) -> str:
    """Open, Draft, Merged or Closed."""
    if pull_request.state == "OPEN":
        return "Draft" if pull_request.is_draft else "Open"
    return pull_request.state.capitalize()


def _commits(pull_request: PullRequest) -> Iterator[Line]:
    for commit in pull_request.commits:
        name = commit.author.login if commit.author else commit.author_name or "someone"
        headline = commit.message.partition("\n")[0]
        yield commit.authored_at, f"{name} committed {commit.oid[:7]}: {headline}"


def _reviews(reviews: list[Review]) -> Iterator[Line]:
    for review in reviews:
        if review.submitted_at:
            words = _REVIEWS[review.state]
            yield review.submitted_at, f"{who(review.author)} {words}"


def _event(event: TimelineEvent) -> str:
    asked = who(event.requested_reviewer)
    if event.type == "ReviewRequestedEvent":
        return f"{who(event.actor)} asked {asked} for a review"
    if event.type == "ReviewRequestRemovedEvent":
        return f"{who(event.actor)} took the request to {asked} back"
    return f"{who(event.actor)} {_EVENTS.get(event.type, event.type)}"
