"""What people do to pull requests: each action changes the world and returns hook events.

The generator, the live world and the control endpoint all use these actions, so that `updated_at`,
the timeline and the counts never contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .git import new_oid
from .happening import Happening
from .node_ids import node_id
from .world import (
    Account,
    Commit,
    Label,
    MergeMethod,
    PullRequest,
    Repository,
    Review,
    ReviewState,
    Team,
    TimelineEvent,
    World,
)

# Ids grow with time as GitHub's do; pull request ids passed 2^31 in the simulator's 2025.
_EPOCH = 1_600_000_000
_PER_SECOND = {"PR": 13, "PRR": 19, "LA": 41, "DE": 17, "DES": 43, "RE": 1, "WFR": 90}


@dataclass(frozen=True)
class Deed:
    """The actor, place and time of an action."""

    world: World
    repository: Repository
    actor: Account | None
    at: datetime


@dataclass(frozen=True)
class Draft:
    """The contents of a new pull request."""

    title: str
    head_ref: str
    commits: list[Commit]
    body: str = ""
    base_ref: str | None = None
    is_draft: bool = False
    head_repository: str | None = None
    head_repository_owner: Account | None = None
    number: int | None = None
    labels: tuple[Label, ...] = ()


def new_id(world: World, kind: str, at: datetime) -> int:
    """An id that nothing else in the world has, in order of time."""
    number = int((at.timestamp() - _EPOCH) * _PER_SECOND[kind])
    while number in world.used_ids:
        number += 1
    world.used_ids.add(number)
    return number


def requested_reviewers(pull_request: PullRequest) -> list[Account | Team]:
    """Requested reviewers who have not answered: a review ends the request."""
    waiting: dict[str, Account | Team] = {}
    reviewed = [(r.submitted_at, r.author) for r in pull_request.reviews if r.submitted_at]
    for event in pull_request.timeline:
        who = event.requested_reviewer
        if who is None:
            continue
        if event.type == "ReviewRequestedEvent":
            if not any(_answers(who, by) and at >= event.created_at for at, by in reviewed):
                waiting[who.node_id] = who
        elif event.type == "ReviewRequestRemovedEvent":
            waiting.pop(who.node_id, None)
    return list(waiting.values())


def _answers(asked: Account | Team, reviewer: Account | None) -> bool:
    if isinstance(asked, Team):
        return reviewer is not None and reviewer.id in asked.members
    return asked is reviewer


def next_number(repository: Repository) -> int:
    """The number of the repository's next pull request."""
    return max(repository.pull_requests, default=0) + 1


def open_pull_request(deed: Deed, draft: Draft) -> tuple[PullRequest, list[Happening]]:
    """Opens a pull request; hooks receive `opened`."""
    repository = deed.repository
    number = draft.number or next_number(repository)
    identity = new_id(deed.world, "PR", deed.at)
    pull_request = PullRequest(
        id=identity,
        node_id=node_id("PR", repository.id, identity),
        number=number,
        title=draft.title,
        body=draft.body,
        author=deed.actor,
        created_at=deed.at,
        updated_at=deed.at,
        base_ref=draft.base_ref or repository.default_branch,
        head_ref=draft.head_ref,
        head_oid=draft.commits[-1].oid if draft.commits else new_oid(identity),
        base_oid=new_oid(repository.id, number, "base"),
        head_repository=draft.head_repository or repository.full_name,
        head_repository_owner=draft.head_repository_owner or repository.owner,
        is_draft=draft.is_draft,
        labels=list(draft.labels),
        commits=list(draft.commits),
    )
    _count(pull_request)
    repository.pull_requests[number] = pull_request
    pushed(deed)
    return pull_request, [hook_event(deed, pull_request, "opened")]


def push(deed: Deed, pull_request: PullRequest, commits: list[Commit]) -> list[Happening]:
    """Adds commits; hooks receive `synchronize`."""
    before = pull_request.head_oid
    pull_request.commits.extend(commits)
    return _synchronized(deed, pull_request, before)


def force_push(deed: Deed, pull_request: PullRequest, commits: list[Commit]) -> list[Happening]:
    """Replaces all commits, as after a rebase; hooks receive `synchronize`."""
    before = pull_request.head_oid
    pull_request.commits = list(commits)
    happened(deed, pull_request, "HeadRefForcePushedEvent")
    return _synchronized(deed, pull_request, before)


def mark_ready(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Ends the draft; hooks receive `ready_for_review`."""
    pull_request.is_draft = False
    happened(deed, pull_request, "ReadyForReviewEvent")
    return [hook_event(deed, pull_request, "ready_for_review")]


def convert_to_draft(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Turns it back into a draft; hooks receive `converted_to_draft`."""
    pull_request.is_draft = True
    happened(deed, pull_request, "ConvertToDraftEvent")
    return [hook_event(deed, pull_request, "converted_to_draft")]


def request_review(
    deed: Deed, pull_request: PullRequest, reviewer: Account | Team
) -> list[Happening]:
    """Asks a person or a team for a review."""
    happened(deed, pull_request, "ReviewRequestedEvent", requested_reviewer=reviewer)
    return [hook_event(deed, pull_request, "review_requested", reviewer=reviewer)]


def remove_review_request(
    deed: Deed, pull_request: PullRequest, reviewer: Account | Team
) -> list[Happening]:
    """Withdraws a review request."""
    happened(deed, pull_request, "ReviewRequestRemovedEvent", requested_reviewer=reviewer)
    return [hook_event(deed, pull_request, "review_request_removed", reviewer=reviewer)]


def submit_review(
    deed: Deed, pull_request: PullRequest, state: ReviewState, body: str = "", comments: int = 0
) -> list[Happening]:
    """Reviews as the actor, with this many comments on lines."""
    identity = new_id(deed.world, "PRR", deed.at)
    review = Review(
        id=identity,
        node_id=node_id("PRR", deed.repository.id, identity),
        author=deed.actor,
        state=state,
        submitted_at=None if state == "PENDING" else deed.at,
        updated_at=deed.at,
        body=body,
        comments=comments,
        commit_oid=pull_request.head_oid,
    )
    pull_request.reviews.append(review)
    if state == "PENDING":  # only its author sees a pending review
        return []
    pull_request.comments += comments
    _touch(deed, pull_request)
    return [
        _review_told(deed, pull_request, review, "submitted"),
        *_line_comments(deed, pull_request, review),
    ]


def _review_told(
    deed: Deed, pull_request: PullRequest, review: Review, action: str, **extra: Any
) -> Happening:
    return Happening(
        "pull_request_review", action, deed.repository, pull_request, review, deed.actor, extra
    )


def _line_comments(deed: Deed, pull_request: PullRequest, review: Review) -> list[Happening]:
    return [
        Happening(
            "pull_request_review_comment",
            "created",
            deed.repository,
            pull_request,
            review,
            deed.actor,
            {"position": position},
        )
        for position in range(review.comments)
    ]


def edit_review(
    deed: Deed, pull_request: PullRequest, review: Review, body: str
) -> list[Happening]:
    """Change a review's text."""
    before, review.body, review.updated_at = review.body, body, deed.at
    _touch(deed, pull_request)
    changes = {"body": {"from": before}}
    return [_review_told(deed, pull_request, review, "edited", changes=changes)]


def dismiss_review(deed: Deed, pull_request: PullRequest, review: Review) -> list[Happening]:
    """Dismisses a review: its state is rewritten, the timeline keeps the former one."""
    before, review.state, review.updated_at = review.state, "DISMISSED", deed.at
    happened(
        deed, pull_request, "ReviewDismissedEvent", review=review, previous_review_state=before
    )
    return [_review_told(deed, pull_request, review, "dismissed")]


def comment(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Comments in the conversation; our hooks do not receive it."""
    pull_request.comments += 1
    _touch(deed, pull_request)
    return []


def add_label(deed: Deed, pull_request: PullRequest, label: Label) -> list[Happening]:
    """Adds a label."""
    if label not in pull_request.labels:
        pull_request.labels.append(label)
    _touch(deed, pull_request)
    return [hook_event(deed, pull_request, "labeled", label=label)]


def remove_label(deed: Deed, pull_request: PullRequest, label: Label) -> list[Happening]:
    """Removes a label."""
    pull_request.labels = [kept for kept in pull_request.labels if kept is not label]
    _touch(deed, pull_request)
    return [hook_event(deed, pull_request, "unlabeled", label=label)]


def edit(
    deed: Deed, pull_request: PullRequest, field_name: Literal["title", "body"], text: str
) -> list[Happening]:
    """Change the title or the body."""
    before = getattr(pull_request, field_name)
    setattr(pull_request, field_name, text)
    _touch(deed, pull_request)
    return [hook_event(deed, pull_request, "edited", changes={field_name: {"from": before}})]


def close(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Close without merging."""
    pull_request.state, pull_request.closed_at = "CLOSED", deed.at
    happened(deed, pull_request, "ClosedEvent")
    return [hook_event(deed, pull_request, "closed")]


def reopen(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Open a closed pull request again."""
    pull_request.state, pull_request.closed_at = "OPEN", None
    happened(deed, pull_request, "ReopenedEvent")
    return [hook_event(deed, pull_request, "reopened")]


def merge_with_those_below(deed: Deed, stack: list[PullRequest]) -> list[Happening]:
    """Merges the last one, whose branch contains the others': one commit merges them all."""
    told = [happening for each in stack for happening in merge(deed, each, "merge")]
    for each in stack:
        each.merge_commit_oid = stack[-1].merge_commit_oid
    return told


def merge(
    deed: Deed, pull_request: PullRequest, method: MergeMethod | None = None
) -> list[Happening]:
    """Merges; hooks receive `closed`, with `merged` true."""
    pull_request.merge_method = method or pull_request.merge_method
    pull_request.state, pull_request.is_draft = "MERGED", False
    pull_request.merged_at = pull_request.closed_at = deed.at
    pull_request.merged_by = deed.actor
    pull_request.merge_commit_oid = new_oid(pull_request.id, "merge")
    happened(deed, pull_request, "MergedEvent")
    happened(deed, pull_request, "ClosedEvent")
    pushed(deed)
    return [hook_event(deed, pull_request, "closed")]


def hook_event(deed: Deed, pull_request: PullRequest, action: str, **extra: Any) -> Happening:
    """The hook event of a pull request."""
    return Happening("pull_request", action, deed.repository, pull_request, None, deed.actor, extra)


def _touch(deed: Deed, pull_request: PullRequest) -> None:
    pull_request.updated_at = max(pull_request.updated_at, deed.at)


def happened(deed: Deed, pull_request: PullRequest, kind: str, **details: Any) -> None:
    """Adds an event to its timeline, by the name of its GraphQL type."""
    number = new_id(deed.world, "LA", deed.at)
    pull_request.timeline.append(
        TimelineEvent(
            node_id=node_id(_initials(kind), deed.repository.id, number),
            type=kind,
            actor=deed.actor,
            created_at=deed.at,
            **details,
        )
    )
    _touch(deed, pull_request)


def _initials(kind: str) -> str:
    return "".join(letter for letter in kind if letter.isupper())


def _count(pull_request: PullRequest) -> None:
    pull_request.additions = sum(commit.additions for commit in pull_request.commits)
    pull_request.deletions = sum(commit.deletions for commit in pull_request.commits)
    pull_request.changed_files = max((c.changed_files for c in pull_request.commits), default=0)


def pushed(deed: Deed) -> None:
    """Updates the repository's time of its last push."""
    repository = deed.repository
    known = repository.pushed_at
    repository.pushed_at = repository.updated_at = max(known, deed.at) if known else deed.at


def _synchronized(deed: Deed, pull_request: PullRequest, before: str) -> list[Happening]:
    if pull_request.commits:
        pull_request.head_oid = pull_request.commits[-1].oid
    _count(pull_request)
    _touch(deed, pull_request)
    pushed(deed)
    return [
        hook_event(deed, pull_request, "synchronize", before=before, after=pull_request.head_oid)
    ]
