"""The timeline of a pull request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..connections import Connection, paginate
from ..nodes import Delivered, Placed, Thing, type_name
from ..ordering import Ordered
from ..world import Account, Commit, PullRequest, Review, TimelineEvent
from .context import Info, Resolvers, constant
from .pull_requests import RESOLVERS as OTHERS
from .pull_requests import address, merge_commit, path

TYPES = {
    "ADDED_TO_MERGE_QUEUE_EVENT": "AddedToMergeQueueEvent",
    "AUTO_MERGE_DISABLED_EVENT": "AutoMergeDisabledEvent",
    "AUTO_MERGE_ENABLED_EVENT": "AutoMergeEnabledEvent",
    "AUTO_SQUASH_ENABLED_EVENT": "AutoSquashEnabledEvent",
    "BASE_REF_CHANGED_EVENT": "BaseRefChangedEvent",
    "DEPLOYED_EVENT": "DeployedEvent",
    "REMOVED_FROM_MERGE_QUEUE_EVENT": "RemovedFromMergeQueueEvent",
    "CLOSED_EVENT": "ClosedEvent",
    "CONVERT_TO_DRAFT_EVENT": "ConvertToDraftEvent",
    "HEAD_REF_FORCE_PUSHED_EVENT": "HeadRefForcePushedEvent",
    "MERGED_EVENT": "MergedEvent",
    "PULL_REQUEST_COMMIT": "PullRequestCommit",
    "PULL_REQUEST_REVIEW": "PullRequestReview",
    "READY_FOR_REVIEW_EVENT": "ReadyForReviewEvent",
    "REOPENED_EVENT": "ReopenedEvent",
    "REVIEW_DISMISSED_EVENT": "ReviewDismissedEvent",
    "REVIEW_REQUESTED_EVENT": "ReviewRequestedEvent",
    "REVIEW_REQUEST_REMOVED_EVENT": "ReviewRequestRemovedEvent",
}


def _when(thing: Thing) -> datetime:
    match thing:
        case Commit():
            return thing.committed_at
        case Review():
            return thing.submitted_at or thing.updated_at
        case _:
            return thing.created_at


def _key(pair: tuple[int, Placed]) -> list[Any]:
    return [_when(pair[1].thing).timestamp(), pair[0]]


def _everything(pull_request: PullRequest) -> list[Thing]:
    submitted = [review for review in pull_request.reviews if review.state != "PENDING"]
    return [*pull_request.commits, *submitted, *pull_request.timeline]


def timeline(placed: Placed, info: Info, **arguments: Any) -> Connection:
    pull_request = placed.pull_request
    asked = {TYPES[each] for each in arguments.get("itemTypes") or TYPES}
    since = arguments.get("since")
    items = [Placed(placed.repository, pull_request, each) for each in _everything(pull_request)]
    wanted = [
        each
        for each in items
        if type_name(each) in asked and (not since or _when(each.thing) >= since)
    ]
    skipped = list(enumerate(wanted))[arguments.get("skip") or 0 :]
    page = paginate(info, Ordered.of(skipped, _key), arguments, owner=pull_request)
    page.items = [each for _, each in page.items]
    return page


def _review(placed: Placed, info: Info) -> Placed | None:
    event = placed.thing
    if not isinstance(event, TimelineEvent) or event.review is None:
        return None
    return Placed(placed.repository, placed.pull_request, event.review)


EVENT = {
    "actor": lambda placed, info: placed.thing.actor,
    "createdAt": lambda placed, info: placed.thing.created_at,
    "id": lambda placed, info: placed.thing.node_id,
    "pullRequest": lambda placed, info: Placed(
        placed.repository, placed.pull_request, placed.pull_request
    ),
}
LOCATED = {**EVENT, "resourcePath": path, "url": address}
REQUEST = {
    **EVENT,
    "requestedReviewer": lambda placed, info: placed.thing.requested_reviewer,
}
FINISH = {name: resolver for name, resolver in LOCATED.items() if name != "pullRequest"}


def _person(placed: Placed, info: Info) -> Account | None:
    actor = getattr(placed.thing, "actor", None)
    return actor if actor and actor.type == "User" else None


def _refs(placed: Placed) -> tuple[str, str]:
    changed: tuple[str, str] | None = getattr(placed.thing, "base_refs", None)
    return changed or (placed.pull_request.base_ref, placed.pull_request.base_ref)


def _deployment(placed: Placed, info: Info) -> Delivered:
    return Delivered(placed.repository, getattr(placed.thing, "deployment"))  # noqa: B009


def _reason(placed: Placed, info: Info) -> str | None:
    reason: str | None = getattr(placed.thing, "reason", None)
    return reason


RESOLVERS: Resolvers = {
    "AddedToMergeQueueEvent": {**EVENT, "enqueuer": _person},
    "RemovedFromMergeQueueEvent": {**EVENT, "enqueuer": _person, "reason": _reason},
    "AutoMergeEnabledEvent": {**EVENT, "enabler": _person},
    "AutoSquashEnabledEvent": {**EVENT, "enabler": _person},
    "AutoMergeDisabledEvent": {
        **EVENT,
        "disabler": _person,
        "reason": _reason,
        "reasonCode": constant(None),
    },
    "BaseRefChangedEvent": {
        **EVENT,
        "currentRefName": lambda placed, info: _refs(placed)[1],
        "databaseId": constant(None),
        "previousRefName": lambda placed, info: _refs(placed)[0],
    },
    "DeployedEvent": {
        **EVENT,
        "databaseId": constant(None),
        "deployment": _deployment,
        "ref": constant(None),
    },
    "PullRequest": {**OTHERS["PullRequest"], "timelineItems": timeline},
    "ReadyForReviewEvent": LOCATED,
    "ConvertToDraftEvent": LOCATED,
    "ReviewRequestedEvent": REQUEST,
    "ReviewRequestRemovedEvent": REQUEST,
    "ReviewDismissedEvent": {
        **LOCATED,
        "databaseId": constant(None),
        "dismissalMessage": constant(None),
        "previousReviewState": lambda placed, info: placed.thing.previous_review_state,
        "pullRequestCommit": constant(None),
        "review": _review,
    },
    "HeadRefForcePushedEvent": {
        **EVENT,
        "afterCommit": constant(None),
        "beforeCommit": constant(None),
        "ref": constant(None),
    },
    "ClosedEvent": FINISH,
    "ReopenedEvent": {name: resolver for name, resolver in EVENT.items() if name != "pullRequest"},
    "MergedEvent": {
        **LOCATED,
        "commit": merge_commit,
        "mergeRef": lambda placed, info: (placed.repository, placed.pull_request.base_ref),
        "mergeRefName": lambda placed, info: placed.pull_request.base_ref,
    },
}
