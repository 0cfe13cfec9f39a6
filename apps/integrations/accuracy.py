"""Spot checks: pull requests drawn at random, fetched anew from GitHub and compared field by field.

A difference is shown with both values, and repaired by storing what was fetched.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.integrations import forgetting, ingest
from apps.integrations.conversation import with_github
from apps.integrations.facts import PullRequestRow, read
from apps.integrations.github import pull_requests, records
from apps.integrations.models import TrackedRepository
from apps.metrics import accounts
from apps.metrics.models import PullRequest
from apps.teams.models import Team

AT_ONCE = 25


@dataclass(frozen=True)
class Difference:
    """A field whose value here is not GitHub's; late, where GitHub changed it since the sync."""

    pull_request: str
    field: str
    here: Any
    on_github: Any
    is_late: bool


@dataclass
class Outcome:
    """What a check found; `gone` are pull requests that GitHub does not show any more."""

    pull_requests: int = 0
    fields: int = 0
    gone: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def share_equal(self) -> float | None:
        """Fields equal / fields compared; None where nothing was compared."""
        return 1 - len(self.differences) / self.fields if self.fields else None


def check(
    sample: int,
    chance: random.Random | None = None,
    *,
    team: Team | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Compares up to `sample` stored pull requests of tracked repositories with GitHub.

    Of all teams, or of one. Adds to `outcome`, which holds what was compared until an error.
    Raises `GitHubError`.
    """
    outcome = outcome or Outcome()
    for tracked, ids in _drawn(sample, chance or random.Random(), team):  # noqa: S311 no secret
        with with_github(tracked.integration.credential) as github:
            for some in pull_requests.in_parts(ids, AT_ONCE):
                batch = pull_requests.by_ids(github, some)
                told = len(batch.pull_requests) + len(batch.spoilt) + len(batch.withheld)
                outcome.gone += len(some) - told
                _compare(tracked, batch.pull_requests, outcome)
    return outcome


def _drawn(
    sample: int, chance: random.Random, team: Team | None
) -> Iterator[tuple[TrackedRepository, Sequence[str]]]:
    rows = PullRequest.objects.filter(repository__tracking__is_active=True)
    if team:
        rows = rows.filter(team=team)
    ids = list(rows.values_list("pk", flat=True))
    chosen = chance.sample(ids, min(sample, len(ids)))
    by_repository: dict[int, list[str]] = defaultdict(list)
    for repository, node_id in rows.filter(pk__in=chosen).values_list("repository", "node_id"):
        by_repository[repository].append(node_id)
    for tracked in TrackedRepository.objects.filter(repository__in=by_repository).select_related(
        "team", "repository__team", "integration__credential"
    ):
        yield tracked, by_repository[tracked.repository_id]


def _compare(
    tracked: TrackedRepository, fetched: Iterable[records.PullRequest], outcome: Outcome
) -> None:
    main = accounts.main_accounts(tracked.team)
    for record in forgetting.without_forgotten(tracked.team, fetched):
        stored = PullRequest.objects.get(repository=tracked.repository, number=record.number)
        here, there = dict(_stored(stored)), dict(_expected(read(tracked.team, record, main)))
        name = f"{tracked.full_name}#{record.number}"
        wrong = [
            Difference(
                name, key, here.get(key), there.get(key), stored.updated_at != record.updated_at
            )
            for key in sorted(here.keys() | there.keys())
            if here.get(key) != there.get(key)
        ]
        outcome.pull_requests += 1
        outcome.fields += len(there)
        outcome.differences += wrong
        if wrong:
            with transaction.atomic():
                ingest.pull_requests(tracked.repository, [record], datetime.now(UTC))


def _stored(stored: PullRequest) -> Iterator[tuple[str, Any]]:
    for name in _COLUMNS:
        yield name, getattr(stored, name)
    for review in stored.reviews.all():
        yield (
            f"review {review.node_id}",
            (review.state, review.reviewer_github_id, review.submitted_at, review.is_qualifying),
        )
    links = stored.commit_links.select_related("commit").order_by("position")
    for commit in (link.commit for link in links):
        yield (
            f"commit {commit.sha}",
            (commit.authored_at, commit.committed_at, commit.additions, commit.deletions),
        )
    for event in stored.timeline.all():
        yield f"event {event.node_id}", (event.kind, event.at)


def _expected(row: PullRequestRow) -> Iterator[tuple[str, Any]]:
    for name in _COLUMNS:
        yield name, row.columns[name]
    for review in row.reviews:
        columns = review.columns
        yield (
            f"review {columns['node_id']}",
            (
                columns["state"],
                review.author.github_id,
                columns["submitted_at"],
                columns["is_qualifying"],
            ),
        )
    for commit in row.commits:
        yield (
            f"commit {commit.columns['sha']}",
            tuple(
                commit.columns[name]
                for name in ("authored_at", "committed_at", "additions", "deletions")
            ),
        )
    for event in row.timeline:
        yield f"event {event['node_id']}", (event["kind"], event["at"])


# Not `is_revert`: whether a commit reverts a tracked merge is known from other pull requests too.
_COLUMNS = (
    *("number", "github_id", "node_id", "url", "title", "state", "is_draft"),
    *("base_branch", "head_branch", "labels", "author_github_id", "author_login", "author_type"),
    "author_person",
    *("merged_by_github_id", "merged_by_login", "merge_commit_sha"),
    *("additions", "deletions", "changed_files", "commit_count", "comment_count"),
    *("opened_at", "updated_at", "closed_at", "merged_at", "first_commit_at", "last_commit_at"),
    *("ready_at", "first_review_at", "approved_at"),
    *("cycle_time", "coding_time", "pickup_time", "review_time", "merge_time", "time_to_merge"),
    *("review_rounds", "commits_after_first_review", "reviewer_count", "size"),
    *("has_old_commit", "waiting_for", "is_hotfix"),
)
