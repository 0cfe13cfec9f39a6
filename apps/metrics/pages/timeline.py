"""A pull request's life drawn to scale, and the explanation of each figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.metrics.figures.queries import STAGES
from apps.metrics.models import Commit, PullRequest, TimelineEvent
from apps.metrics.pages.charts import STAGE_NAMES
from apps.teams.templatetags.display import duration_text, unbroken

HOUR, DAY = 3600, 86400
_STEPS = (
    *(60 * m for m in (1, 5, 15, 30)),
    *(HOUR * h for h in (1, 3, 6, 12)),
    *(DAY * d for d in (1, 2, 4, 7, 14, 30, 60, 120, 365, 730)),
)
MOST_TICKS = 6
SAME_MINUTE = timedelta(minutes=1)
_EVENTS = {
    "ready_for_review": "marked it ready for review",
    "convert_to_draft": "turned it back into a draft",
    "review_requested": "asked {reviewer} for a review",
    "review_request_removed": "withdrew the request to {reviewer}",
    "review_dismissed": "dismissed a review",
    "head_ref_force_pushed": "force-pushed",
    "closed": "closed it",
    "reopened": "reopened it",
    "merged": "merged it",
    "added_to_merge_queue": "added it to the merge queue",
    "removed_from_merge_queue": "removed it from the merge queue",
    "auto_merge_enabled": "enabled auto-merge",
    "auto_merge_disabled": "disabled auto-merge",
    "base_ref_changed": "changed the base branch",
}
_REVIEWS = {
    "approved": "approved",
    "changes_requested": "asked for changes",
    "commented": "commented",
    "dismissed": "reviewed; the review was dismissed later",
}
_LEAVES_QUEUE = (
    TimelineEvent.Kind.REMOVED_FROM_MERGE_QUEUE,
    TimelineEvent.Kind.MERGED,
    TimelineEvent.Kind.CLOSED,
)
GHOST = "A deleted account"


@dataclass(frozen=True)
class Mark:
    """An event; `x` is a percentage of the drawing's width."""

    lane: str
    kind: str
    at: datetime
    who: str
    what: str
    x: str = "0"
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """A stage as drawn, in per cent of the width."""

    key: str
    name: str
    seconds: int
    x: str
    width: str


@dataclass(frozen=True)
class Timeline:
    """The content of the drawing and of the list below it."""

    begin: datetime
    end: datetime
    marks: Sequence[Mark]
    bars: Sequence[Bar]
    ticks: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Reason:
    """A stage with the sentence that explains its figure."""

    key: str
    name: str
    seconds: int | None
    sentence: str

    @property
    def anchor(self) -> str:
        """The anchor of its definition."""
        return f"{self.key}_time"


def timeline(pull_request: PullRequest, now: datetime) -> Timeline:
    """From the first commit to production, else to the merge or close, or until now."""
    begin = min(pull_request.first_commit_at, pull_request.opened_at)
    merged_at = pull_request.merged_at
    end = max(pull_request.deployed_at or merged_at or pull_request.closed_at or now, begin)
    length = max((end - begin).total_seconds(), 1)

    def x(at: datetime) -> str:
        share = min(max((at - begin).total_seconds() / length, 0), 1)
        return _percent(share)

    marks = sorted(_marks(pull_request), key=lambda mark: mark.at)
    placed = [Mark(**(vars(mark) | {"x": x(mark.at)})) for mark in marks]
    times = {**_times(pull_request), "deploy_time": pull_request.deploy_time or 0}
    if pull_request.state == PullRequest.State.OPEN:
        times = stages_so_far(pull_request, now)
    return Timeline(begin, end, placed, _bars(times, length, 1), _ticks(length))


def _times(pull_request: PullRequest) -> dict[str, int]:
    return {field: getattr(pull_request, field) or 0 for field in STAGES}


def stages_so_far(pull_request: PullRequest, now: datetime) -> dict[str, int]:
    """How long the stages of an open one have lasted, in seconds; the last one continues.

    As for merged ones, no timestamp is earlier than the one before it.
    """
    times = (pull_request.ready_at, pull_request.first_review_at, pull_request.approved_at)
    found: dict[str, int] = {}
    begin = pull_request.first_commit_at
    for field, at in zip(STAGES, (*times, None), strict=True):
        end = max(begin, at) if at and at < now else now
        found[field] = int((end - begin).total_seconds())
        if end == now:
            break
        begin = end
    return found


def _percent(share: float) -> str:
    # A margin of one per cent keeps the marks at both ends visible.
    return f"{1 + share * 98:.3f}%"


def stage_bars(pull_request: PullRequest, length: float = 0, margin: float = 0) -> list[Bar]:
    """The stages as parts of a length in seconds; by default, of the cycle time."""
    return _bars(_times(pull_request), length or pull_request.cycle_time or 1, margin)


def _bars(times: Mapping[str, int], length: float, margin: float) -> list[Bar]:
    bars, done = [], 0.0
    for field, seconds in times.items():
        if seconds:
            x, width = (part / length * (100 - 2 * margin) for part in (done, seconds))
            key, name = field.removesuffix("_time"), STAGE_NAMES[field]
            bars.append(Bar(key, name, seconds, f"{x + margin:.3f}%", f"{width:.3f}%"))
            done += seconds
    return bars


def _ticks(length: float) -> list[tuple[str, str, str]]:
    """Each tick's position, text, and text anchor."""
    step = next((s for s in _STEPS if length / s <= MOST_TICKS), _STEPS[-1] * 2)
    places = range(0, int(length) + 1, step)
    return [
        (_percent(place / length), duration_text(place) if place else "0", _anchor(place / length))
        for place in places
    ]


def _anchor(share: float) -> str:
    if share == 0:
        return "start"
    return "end" if share > 0.95 else "middle"


def _marks(pull_request: PullRequest) -> Iterator[Mark]:
    author = pull_request.author_login or GHOST
    yield Mark("events", "opened", pull_request.opened_at, author, "opened it")
    for link in pull_request.commit_links.select_related("commit"):
        commit = link.commit
        who = commit.author_login or "An author without an account"
        text = f"committed {commit.sha[:7]} {commit.message_headline or ''}".rstrip()
        # GitHub could not return the time of some commits.
        at = commit.committed_at or commit.authored_at
        if at:
            yield Mark("commits", "commit", at, who, text, note=_why_older(commit, at))
    for review in pull_request.reviews.all():
        note = "" if review.is_qualifying else "Not counted as a review."
        state = review.state or "commented"
        who = review.reviewer_login or GHOST
        if review.submitted_at:
            yield Mark("reviews", state, review.submitted_at, who, _REVIEWS[state], note=note)
    if pull_request.deployment and pull_request.deployed_at:
        where = pull_request.deployment.application.environment
        yield Mark("events", "deployed", pull_request.deployed_at, "A deployment", f"to {where}")
    for event in pull_request.timeline.all():
        # GitHub reports a merge as a close, too.
        if event.kind == "closed" and event.at == pull_request.merged_at:
            continue
        text = _EVENTS[event.kind].format(
            reviewer=event.reviewer_login or event.group_slug or "a team"
        )
        note = event.detail.replace("\t", " → ")
        yield Mark("events", event.kind, event.at, event.actor_login or GHOST, text, note=note)


def _why_older(commit: Commit, committed_at: datetime) -> str:
    if commit.authored_at is None or committed_at - commit.authored_at <= SAME_MINUTE:
        return ""
    written = f"{timezone.localtime(commit.authored_at):%-d %b %Y}"
    return f"Written on {written}, and amended or rebased since."


def reasons(pull_request: PullRequest) -> list[Reason]:
    """The four stages of a merged pull request."""
    sentences = (
        _why_coding(pull_request),
        _why_pickup(pull_request),
        _why_review(pull_request),
        _why_merge(pull_request),
    )
    return [
        Reason(
            field.removesuffix("_time"), STAGE_NAMES[field], getattr(pull_request, field), sentence
        )
        for field, sentence in zip(STAGES, sentences, strict=True)
    ]


def _why_coding(pull_request: PullRequest) -> str:
    begin = "the first commit" if _has_earlier_commit(pull_request) else "the opening"
    if pull_request.ready_at is None:
        return f"From {begin} to the opening, since it was merged while still a draft."
    if pull_request.ready_at == pull_request.opened_at:
        return f"From {begin} to the opening: it was opened ready for review."
    return f"From {begin} until it was marked ready for review."


def _has_earlier_commit(pull_request: PullRequest) -> bool:
    return pull_request.first_commit_at < pull_request.opened_at


def _why_pickup(pull_request: PullRequest) -> str:
    if pull_request.first_review_at is None:
        return "It did not happen: nobody but the author and bots reviewed it before the merge."
    ready = pull_request.ready_at or pull_request.opened_at
    if pull_request.first_review_at < ready:
        return "None: the first review came before it was ready."
    return "From ready for review to the first review."


def _why_review(pull_request: PullRequest) -> str:
    if pull_request.first_review_at is None:
        return "It did not happen, since nobody reviewed it."
    if pull_request.approved_at is None:
        return "From the first review to the merge, since nobody approved it."
    return "From the first review to the last approval."


def _why_merge(pull_request: PullRequest) -> str:
    if pull_request.first_review_at is None:
        begin = "From ready for review to the merge, since nobody reviewed it"
    elif pull_request.approved_at is None:
        return "None: it was reviewed but never approved, so the review lasted until the merge."
    else:
        begin = "From the last approval to the merge"
    queued = _in_merge_queue(pull_request)
    if not queued:
        return f"{begin}."
    return f"{begin}; {unbroken(duration_text(queued))} of it in the merge queue."


def _in_merge_queue(pull_request: PullRequest) -> int:
    """Seconds between each entry into the merge queue and its end, within the merge time."""
    ready = pull_request.ready_at or pull_request.opened_at
    begin, end = pull_request.approved_at or ready, pull_request.merged_at
    seconds, entered = 0.0, None
    for event in pull_request.timeline.all():
        if event.kind == TimelineEvent.Kind.ADDED_TO_MERGE_QUEUE:
            entered = entered or event.at
        elif entered and event.kind in _LEAVES_QUEUE:
            seconds += _overlap(entered, event.at, begin, end or event.at)
            entered = None
    if entered and end:
        seconds += _overlap(entered, end, begin, end)
    return round(seconds)


def _overlap(start: datetime, stop: datetime, begin: datetime, end: datetime) -> float:
    return max((min(stop, end) - max(start, begin)).total_seconds(), 0)


def as_data(drawn: Timeline) -> list[dict[str, Any]]:
    """The marks as JSON."""
    keys = ("lane", "kind", "at", "who", "what", "note")
    return [{key: getattr(mark, key) for key in keys} for mark in drawn.marks]
