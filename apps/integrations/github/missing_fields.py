"""PURE: what GitHub could not return of a pull request, however it signalled that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Raw

from apps.integrations.github import records
from apps.integrations.github.documents import LATER_EVENTS
from apps.integrations.github.reading import read
from apps.integrations.github.records import Path
from apps.integrations.github.replies import Problem

LISTS = ("labels", "commits", "reviews", "timeline_items")
# GitHub has these for every pull request: null means that it could not return them.
_ALWAYS = (
    *("full_database_id", "url", "title", "body", "state", "is_draft", "created_at", "updated_at"),
    *("base_ref_name", "head_ref_name", "additions", "deletions", "changed_files"),
    "total_comments_count",
)
EVENTS = (
    *("ReadyForReviewEvent", "ConvertToDraftEvent", "ReviewRequestedEvent"),
    *("ReviewRequestRemovedEvent", "ReviewDismissedEvent", "HeadRefForcePushedEvent"),
    *("ClosedEvent", "ReopenedEvent", "MergedEvent"),
    *LATER_EVENTS,
)
_OF_COMMITS = (
    *("authored_date", "committed_date", "additions", "deletions"),
    *("message_headline", "message_body"),
)


def read_pull_request(node: Raw | bytes, problems: Iterable[Problem]) -> records.PullRequest:
    """A pull request with its missing fields, because of an error or unreadable data.

    `problems` name them as paths below a list's item. Raises UnavailableError without an id.
    """
    record, lost = read(node, records.PullRequest)
    named = [tuple(p.path or ()) for p in problems if not p.is_bearable]
    found: records.PullRequest = with_missing_fields(record, [*lost, *map(_below_item, named)])
    return found


def with_missing_fields(record: records.PullRequest, paths: Iterable[Path]) -> records.PullRequest:
    """The pull request with additional missing fields."""
    missing_fields = tuple(dict.fromkeys((*record.missing_fields, *map(_in_our_words, paths))))
    return msgspec.structs.replace(record, missing_fields=missing_fields)


def all_missing_fields(record: records.PullRequest) -> frozenset[Path]:
    """The missing fields, including nulls that GitHub never has."""
    return frozenset((*(path for path in record.missing_fields if path), *_gaps(record)))


def lacks_rows(record: records.PullRequest) -> bool:
    """Whether commits or reviews of the first page lack even their ids."""
    lists: tuple[records.Page[Any], ...] = (record.commits, record.reviews)
    return any(page.nodes is None or None in page.nodes[:100] for page in lists)


def is_cut(page: records.Page[Any], missing_fields: Iterable[Path]) -> bool:
    """Whether a list may continue beyond its known items; `missing_fields` names the gaps."""
    if page.nodes is None:
        return True
    ends = any(path[1:2] == ("page_info",) for path in missing_fields)
    return ends and (page.total_count is None or page.total_count > len(page.nodes))


def _below_item(path: Path) -> Path:
    """The path after the pull request's position in a list."""
    return path[next((n for n, step in enumerate(path) if isinstance(step, int)), -1) + 1 :]


def _in_our_words(path: Path) -> Path:
    """The path in the records' spelling of GitHub's names."""
    return tuple(_snake(step) if isinstance(step, str) else step for step in path)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _gaps(record: records.PullRequest) -> Iterator[Path]:
    for name in _ALWAYS:
        if getattr(record, name) is None:
            yield (name,)
    yield from _gap_of(record.author, ("author",))
    yield from _gap_of(record.merged_by, ("merged_by",))
    if record.commits.total_count is None:
        yield ("commits", "total_count")
    for name in LISTS:
        nodes = getattr(record, name).nodes
        if nodes is None:
            yield (name,)
        elif None in nodes:
            yield from ((name, "nodes", n) for n, node in enumerate(nodes) if node is None)
    yield from _gaps_of_commits(record)
    yield from _gaps_of_reviews(record)
    yield from _gaps_of_events(record)


def _gap_of(actor: records.Actor | None, path: Path) -> Iterator[Path]:
    """An actor has an id; only kinds that may be a company or a team come without one."""
    if actor and actor.database_id is None and actor.typename in ("User", "Bot", "Mannequin"):
        yield (*path, "database_id")


def _gaps_of_commits(record: records.PullRequest) -> Iterator[Path]:
    for n, node in enumerate(record.commits.nodes or ()):
        if node is None:
            continue
        place, commit = ("commits", "nodes", n, "commit"), node.commit
        for name in _OF_COMMITS:
            if getattr(commit, name) is None:
                yield (*place, name)
        if commit.author:
            yield from _gap_of(commit.author.user, (*place, "author", "user"))


def _gaps_of_reviews(record: records.PullRequest) -> Iterator[Path]:
    for n, review in enumerate(record.reviews.nodes or ()):
        if review is None:
            continue
        place = ("reviews", "nodes", n)
        for name in ("full_database_id", "state"):
            if getattr(review, name) is None:
                yield (*place, name)
        if review.submitted_at is None and review.state != "PENDING":
            yield (*place, "submitted_at")
        yield from _gap_of(review.author, (*place, "author"))


def _gaps_of_events(record: records.PullRequest) -> Iterator[Path]:
    for n, item in enumerate(record.timeline_items.nodes or ()):
        if item is None or item.typename not in EVENTS:
            continue
        for name in ("id", "created_at"):
            if getattr(item, name) is None:
                yield ("timeline_items", "nodes", n, name)
