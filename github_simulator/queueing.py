"""Between approval and merge: the queue, auto-merge, another base."""

from __future__ import annotations

from .actions import Deed, happened, hook_event
from .happening import Happening
from .world import PullRequest


def enqueue(deed: Deed, pull_request: PullRequest) -> list[Happening]:
    """Adds it to the merge queue."""
    happened(deed, pull_request, "AddedToMergeQueueEvent")
    return [hook_event(deed, pull_request, "enqueued")]


def dequeue(deed: Deed, pull_request: PullRequest, reason: str) -> list[Happening]:
    """Removes it, or drops it because a check failed; hooks name the reason in their own way."""
    happened(deed, pull_request, "RemovedFromMergeQueueEvent", reason=reason)
    return [hook_event(deed, pull_request, "dequeued", reason=reason)]


def enable_auto_merge(deed: Deed, pull_request: PullRequest, method: str) -> list[Happening]:
    """Enables merging as soon as it is allowed."""
    kind = "AutoSquashEnabledEvent" if method == "squash" else "AutoMergeEnabledEvent"
    happened(deed, pull_request, kind)
    return [hook_event(deed, pull_request, "auto_merge_enabled")]


def disable_auto_merge(deed: Deed, pull_request: PullRequest, reason: str) -> list[Happening]:
    """Disables that; a push by a person without write access does, too."""
    happened(deed, pull_request, "AutoMergeDisabledEvent", reason=reason)
    return [hook_event(deed, pull_request, "auto_merge_disabled", reason=reason)]


def change_base(deed: Deed, pull_request: PullRequest, base: str) -> list[Happening]:
    """Changes the base branch."""
    before, pull_request.base_ref = pull_request.base_ref, base
    happened(deed, pull_request, "BaseRefChangedEvent", base_refs=(before, base))
    sha = {"from": pull_request.base_oid}
    return [
        hook_event(
            deed, pull_request, "edited", changes={"base": {"ref": {"from": before}, "sha": sha}}
        )
    ]
