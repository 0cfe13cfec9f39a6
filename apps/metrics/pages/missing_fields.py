"""A sentence about what GitHub could not return of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.metrics.models import PullRequest

_WORDS: Mapping[str, str] = {
    "full_database_id": "its id",
    "title": "its title",
    "body": "its description",
    "state": "its state",
    "is_draft": "whether it is a draft",
    "created_at": "when it was opened",
    "updated_at": "when it was last changed",
    "closed_at": "when it was closed",
    "merged_at": "when it was merged",
    "author": "its author",
    "merged_by": "who merged it",
    "merge_commit": "its merge commit",
    "merge_message": "the message of its merge commit",
    "base_ref_name": "its base branch",
    "head_ref_name": "its head branch",
    "additions": "how many lines it adds",
    "deletions": "how many lines it deletes",
    "changed_files": "how many files it changes",
    "total_comments_count": "how many comments it has",
    "labels": "its labels",
    "commits": "some of its commits",
    "commits.total_count": "how many commits it has",
    "commits.authored_date": "when a commit was written",
    "commits.committed_date": "when a commit was committed",
    "commits.additions": "how many lines a commit adds",
    "commits.deletions": "how many lines a commit deletes",
    "commits.message_headline": "a commit’s headline",
    "commits.message_body": "a commit’s message",
    "commits.author": "a commit’s author",
    "commits.committer": "who committed a commit",
    "reviews": "some of its reviews",
    "reviews.full_database_id": "a review’s id",
    "reviews.state": "what a review says",
    "reviews.submitted_at": "when a review was submitted",
    "reviews.author": "who reviewed it",
    "timeline_items": "some of its events",
    "timeline_items.created_at": "when something happened to it",
    "timeline_items.actor": "who did something to it",
}


def sentence(missing: Mapping[str, bool]) -> str:
    """What GitHub could not return, and whether a former value is shown; empty if nothing."""
    if not missing:
        return ""
    text = f"GitHub could not tell {_listed(missing)}."
    kept = [name for name, is_kept in missing.items() if is_kept]
    if len(kept) == len(missing):
        return f"{text} What was known before is shown."
    if kept:
        return f"{text} Of {_listed(kept)}, what was known before is shown."
    return text


def size(pull_request: PullRequest) -> str:
    """`M: +80 −12 in 3 files`, as far as known."""
    parts = [f"{pull_request.size}:"] if pull_request.size else []
    if pull_request.additions is not None:
        parts.append(f"+{pull_request.additions}")
    if pull_request.deletions is not None:
        parts.append(f"−{pull_request.deletions}")
    files = pull_request.changed_files
    if files is not None:
        parts.append(f"in {files} file{'' if files == 1 else 's'}")
    return " ".join(parts) or "not told"


def _listed(names: Iterable[str]) -> str:
    words = list(dict.fromkeys(_WORDS.get(name, "a part of it") for name in sorted(names)))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
