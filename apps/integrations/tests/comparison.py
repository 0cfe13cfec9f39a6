"""Compares what is stored with the simulated GitHub, field by field.

The expected values come from the simulator's own data, by a few independent lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.models import Prefetch, QuerySet

from apps.integrations.github.documents import document
from apps.metrics.models import PullRequest, PullRequestCommit, Repository

Json = dict[str, Any]
SAME = (
    *("github_id", "node_id", "title", "state", "is_draft", "base_branch", "head_branch"),
    *("additions", "deletions", "changed_files", "labels", "updated_at", "closed_at", "merged_at"),
)


def differences(repository: Repository, truth: Json) -> list[str]:
    """A line for each difference from GitHub; empty if there is none."""
    if repository.full_name != truth["full_name"]:
        return [f"It is called {repository.full_name}, not {truth['full_name']}."]
    stored = {row.number: row for row in _stored(repository)}
    wanted = {pull["number"]: pull for pull in truth["pull_requests"]}
    found = [f"#{number} is missing" for number in sorted(wanted.keys() - stored.keys())]
    found += [f"#{number} should not be there" for number in sorted(stored.keys() - wanted.keys())]
    for number in sorted(wanted.keys() & stored.keys()):
        mine, theirs = _mine(stored[number]), _theirs(wanted[number])
        found += [
            f"{truth['full_name']}#{number}.{key}: {mine[key]!r} instead of {theirs[key]!r}"
            for key in theirs
            if mine[key] != theirs[key]
        ]
    return found


def _stored(repository: Repository) -> QuerySet[PullRequest]:
    """With its lists: asked for one by one, they take most of many a test."""
    links = PullRequestCommit.objects.select_related("commit").order_by("position")
    lists = ("reviews", "timeline", Prefetch("commit_links", links))
    return repository.pull_requests.prefetch_related(*lists)


def _mine(row: PullRequest) -> Json:
    return {
        **{name: _plain(getattr(row, name)) for name in SAME},
        "labels": sorted(row.labels),
        "created_at": _plain(row.opened_at),
        "author": (row.author_github_id, row.author_login, row.author_type),
        "merged_by": (row.merged_by_github_id, row.merged_by_login),
        "merge_commit": row.merge_commit_sha,
        "comments": row.comment_count,
        "commit_count": row.commit_count,
        "reviews": sorted(_my_reviews(row)),
        "commits": [_my_commit(link.commit) for link in row.commit_links.all()],
        "timeline": sorted((e.kind, _plain(e.at), str(e.actor_login)) for e in row.timeline.all()),
    }


def _my_reviews(row: PullRequest) -> Iterator[tuple[Any, ...]]:
    for review in row.reviews.all():
        who = (review.reviewer_github_id or 0, str(review.reviewer_login))
        yield (review.github_id, review.state, _plain(review.submitted_at), *who)


def _my_commit(commit: Any) -> tuple[Any, ...]:
    return (
        commit.sha,
        commit.author_github_id,
        commit.author_login,
        _plain(commit.authored_at),
        _plain(commit.committed_at),
        commit.additions,
        commit.deletions,
        commit.message_headline,
    )


def _theirs(pull: Json) -> Json:
    return {
        **{name: _instant(pull[name]) for name in SAME},
        "labels": sorted(pull["labels"]),
        "created_at": _instant(pull["created_at"]),
        "author": _account(pull["author"]),
        "merged_by": _account(pull["merged_by"])[:2],
        "merge_commit": pull["merge_commit"] or "",
        "comments": pull["comments"],
        "commit_count": len(pull["commits"]),
        "reviews": sorted(_their_review(review) for review in pull["reviews"]),
        "commits": [_their_commit(commit) for commit in pull["commits"]],
        "timeline": sorted(_their_events(pull["timeline"])),
    }


def _account(account: Json | None) -> tuple[int | None, str | None, str | None]:
    return (account["id"], account["login"], account["type"]) if account else (None, None, None)


def _their_review(review: Json) -> tuple[Any, ...]:
    number, login, _ = _account(review["author"])
    submitted = _instant(review["submitted_at"])
    return (review["github_id"], review["state"].lower(), submitted, number or 0, str(login))


def _their_commit(commit: Json) -> tuple[Any, ...]:
    author = commit["author"]
    number, login, _ = _account(author if author and author["type"] == "User" else None)
    return (
        commit["sha"],
        number,
        login,
        _instant(commit["authored_at"]),
        _instant(commit["committed_at"]),
        commit["additions"],
        commit["deletions"],
        commit["message"].partition("\n")[0],
    )


@cache
def _requested_types() -> frozenset[str]:
    return frozenset(re.findall(r"\b([A-Z_]+)_EVENT\b", document("pull_requests")))


def _their_events(events: list[Json]) -> Iterator[tuple[str, Any, str]]:
    asked = _requested_types()
    for event in events:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", event["type"].removesuffix("Event"))
        if kind.upper() in asked:
            actor = str(_account(event["actor"])[1])
            yield (kind.lower(), _instant(event["created_at"]), actor)


def _instant(value: Any) -> Any:
    """A timestamp for a text that is one; anything else unchanged, without NUL."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*", value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value.replace("\x00", "") if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
