"""Turns GitHub's records into the rows that `ingest` stores. PURE but for column names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.integrations.github import records
from apps.integrations.people import own_marks
from apps.integrations.storing import texts as kept_texts
from apps.integrations.storing.calculated import (
    NOT_COUNTED,
    KnownPullRequest,
    SubmittedReview,
    calculate,
    event_fact,
    is_external,
)
from apps.integrations.storing.identity import NO_OTHERS, Accounts, Identity
from apps.integrations.storing.texts import distinct_commits, kept_of_commit, tidy
from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.ai_accounts import TeamMarks
from apps.metrics.calculations.facts import CommitFact, GroupMembers, PullRequestFacts
from apps.metrics.calculations.marks import NOBODY, CommitText, Known
from apps.metrics.models import Repository, TimelineEvent
from apps.teams.models import Team

_EVENTS = {
    "ReadyForReviewEvent": TimelineEvent.Kind.READY_FOR_REVIEW,
    "ConvertToDraftEvent": TimelineEvent.Kind.CONVERT_TO_DRAFT,
    "ReviewRequestedEvent": TimelineEvent.Kind.REVIEW_REQUESTED,
    "ReviewRequestRemovedEvent": TimelineEvent.Kind.REVIEW_REQUEST_REMOVED,
    "ReviewDismissedEvent": TimelineEvent.Kind.REVIEW_DISMISSED,
    "HeadRefForcePushedEvent": TimelineEvent.Kind.HEAD_REF_FORCE_PUSHED,
    "ClosedEvent": TimelineEvent.Kind.CLOSED,
    "ReopenedEvent": TimelineEvent.Kind.REOPENED,
    "MergedEvent": TimelineEvent.Kind.MERGED,
    "AddedToMergeQueueEvent": TimelineEvent.Kind.ADDED_TO_MERGE_QUEUE,
    "RemovedFromMergeQueueEvent": TimelineEvent.Kind.REMOVED_FROM_MERGE_QUEUE,
    "AutoMergeEnabledEvent": TimelineEvent.Kind.AUTO_MERGE_ENABLED,
    "AutoSquashEnabledEvent": TimelineEvent.Kind.AUTO_MERGE_ENABLED,
    "AutoRebaseEnabledEvent": TimelineEvent.Kind.AUTO_MERGE_ENABLED,
    "AutoMergeDisabledEvent": TimelineEvent.Kind.AUTO_MERGE_DISABLED,
    "BaseRefChangedEvent": TimelineEvent.Kind.BASE_REF_CHANGED,
}


@dataclass(frozen=True)
class OwnedRow:
    """Columns of a review or commit, and its pull request."""

    author: Identity
    columns: dict[str, Any]


@dataclass(frozen=True)
class PullRequestRow:
    """All rows of a pull request, without keys to other rows.

    `unknown` are addresses, as stored, whose accounts decide the initiator.
    """

    author: Identity
    initiator: Identity
    is_bot: bool
    is_own_agent: bool
    unknown: list[str]
    columns: dict[str, Any]
    reviews: list[OwnedRow]
    commits: list[OwnedRow]
    timeline: list[dict[str, Any]]

    @property
    def number(self) -> int:
        """The number in its repository."""
        return int(self.columns["number"])

    @property
    def reverted_shas(self) -> set[str]:
        """The SHAs that its commits say they revert."""
        return {sha for commit in self.commits if (sha := commit.columns["reverts_sha"])}

    @property
    def shas(self) -> list[str]:
        """Its commits, in GitHub's order."""
        return [commit.columns["sha"] for commit in self.commits]

    def people(self) -> Iterator[Identity]:
        """All people in it, any of whom may be members of the team."""
        yield self.author
        for owned in (*self.reviews, *self.commits):
            yield owned.author


def read(
    team: Team,
    record: records.PullRequest,
    main: Accounts = NO_OTHERS,
    missing_fields: Mapping[str, bool] | None = None,
    group_members: GroupMembers | None = None,
    known: Known = NOBODY,
) -> PullRequestRow:
    """A record as rows, with every figure of METRICS calculated by the team's definitions.

    `missing_fields` is what GitHub could not return: see `last_known`. `known` maps addresses of
    `unknown` to accounts.
    """
    author = Identity.from_actor(record.author)
    reviews = _submitted(record)
    dated = [(review, at) for review in reviews if (at := review.submitted_at)]
    timeline = _timeline(record)
    own, texts = own_marks.of_team(team), kept_texts.of_record(record, own_marks.hashing(team))
    marks = kept_texts.kept(texts, missing_fields or {})
    pull_request = KnownPullRequest(
        facts=_facts(record, timeline, own, main, group_members),
        author=author,
        merged_by=Identity.from_actor(record.merged_by),
        reviews=[
            SubmittedReview(Identity.from_actor(r.author), (r.state or "").lower(), at)
            for r, at in dated
        ],
        texts=texts,
        is_read=kept_texts.is_read(marks),
    )
    found = calculate(pull_request, own, main, known)
    by_review = {review.id: each for (review, _), each in zip(dated, found.reviews, strict=True)}
    asked = {sha for sha, _ in found.unknown}
    return PullRequestRow(
        author=author,
        initiator=found.initiator,
        is_bot=found.is_bot,
        is_own_agent=found.is_own_agent,
        unknown=[address for _, address in found.unknown],
        columns={
            **_as_github_has_it(record),
            **_flags(team, record),
            **found.columns,
            "marks": marks,
            "author_person": main.get(author.github_id or 0),
            "missing_fields": dict(missing_fields or {}),
        },
        reviews=[
            _review(main, review, by_review.get(review.id, NOT_COUNTED)) for review in reviews
        ],
        commits=[
            _commit(commit, text, asked)
            for commit, text in zip(distinct_commits(record), texts.commits, strict=True)
        ],
        timeline=timeline,
    )


def _facts(
    record: records.PullRequest,
    timeline: Sequence[dict[str, Any]],
    own: TeamMarks,
    main: Accounts,
    group_members: GroupMembers | None,
) -> PullRequestFacts:
    return PullRequestFacts(
        state=_state(record),
        is_draft=bool(record.is_draft),
        author=Identity.from_actor(record.author).person(own, main),
        opened_at=_opened_at(record),
        closed_at=record.closed_at,
        merged_at=record.merged_at,
        additions=record.additions,
        deletions=record.deletions,
        commits=[CommitFact(c.authored_date, c.committed_date) for c in distinct_commits(record)],
        events=[event_fact(own, event, main) for event in timeline],
        group_members=group_members or {},
    )


def _as_github_has_it(record: records.PullRequest) -> dict[str, Any]:
    author, merged_by = Identity.from_actor(record.author), Identity.from_actor(record.merged_by)
    return {
        "number": record.number,
        "github_id": record.full_database_id,
        "node_id": record.id,
        "url": record.url or "",
        "title": tidy(record.title or ""),
        "state": _state(record),
        "is_draft": bool(record.is_draft),
        "base_branch": tidy(record.base_ref_name or ""),
        "head_branch": tidy(record.head_ref_name or ""),
        "labels": _labels(record),
        "author_github_id": author.github_id,
        "author_login": author.login,
        "author_type": author.type,
        "merged_by_github_id": merged_by.github_id,
        "merged_by_login": merged_by.login,
        "merged_by_type": merged_by.type,
        "merge_commit_sha": record.merge_commit.oid if record.merge_commit else "",
        "additions": record.additions,
        "deletions": record.deletions,
        "changed_files": record.changed_files,
        "commit_count": record.commits.total_count,
        "comment_count": record.total_comments_count,
        "opened_at": _opened_at(record),
        "updated_at": record.updated_at or _opened_at(record),
        "closed_at": record.closed_at,
        "merged_at": record.merged_at,
    }


def _state(record: records.PullRequest) -> str:
    """As GitHub reports it, else derived from how it ended."""
    if record.state:
        return record.state.lower()
    return "merged" if record.merged_at else "closed" if record.closed_at else "open"


def _opened_at(record: records.PullRequest) -> datetime:
    """As GitHub reports it, else no later than the first known event."""
    if record.created_at:
        return record.created_at
    happened = (
        *(record.updated_at, record.closed_at, record.merged_at),
        *(review.submitted_at for review in record.reviews.items),
        *(event.created_at for event in record.timeline_items.items),
    )
    return min((at for at in happened if at), default=datetime.now(UTC))


def _labels(record: records.PullRequest) -> list[str]:
    return [tidy(label.name) for label in record.labels.items]


def _flags(team: Team, record: records.PullRequest) -> dict[str, Any]:
    reference = calculations.reverts(record.title or "", record.body or "")
    return {
        "is_revert": reference is not None,
        "reverts_repository": (reference and reference.repository) or "",
        "reverts_number": reference.number if reference else None,
        **flags_by_settings(team, _labels(record), record.head_ref_name or "", record.title or ""),
    }


def flags_by_settings(
    team: Team, labels: Sequence[str], head_branch: str, title: str
) -> dict[str, Any]:
    """Flags that depend on the team's settings: recalculated when these change."""
    patterns = calculations.HotfixPatterns(
        labels=team.hotfix_labels, branches=team.hotfix_branches, titles=team.hotfix_titles
    )
    return {"is_hotfix": calculations.is_hotfix(labels, head_branch, title, patterns)}


def flags_by_place(
    repository: Repository,
    base_branch: str,
    row: Mapping[str, Any],
    *,
    is_member: bool,
    is_initiators: bool,
) -> dict[str, Any]:
    """Flags that depend on other rows: whether the author counts, and the repository.

    `row` is as for `is_external`.
    """
    return {
        "is_bot": row["is_bot"],
        "is_external": is_external(row, is_member=is_member, is_initiators=is_initiators),
        "is_excluded": is_excluded(repository.team, repository.full_name, base_branch),
    }


def is_excluded(team: Team, repository: str, base_branch: str) -> bool:
    """Whether the team excludes such a pull request from its figures."""
    exclusions = calculations.Exclusions(team.excluded_repositories, team.excluded_branches)
    # A repository that lost its name to another is still excluded by it.
    return calculations.is_excluded(repository.partition("@")[0], base_branch, exclusions)


def _submitted(record: records.PullRequest) -> list[records.Review]:
    """Submitted reviews, each once even if pages have shifted."""
    reviews = {review.id: review for review in record.reviews.items}
    return [review for review in reviews.values() if review.state != "PENDING"]


def _review(main: Accounts, review: records.Review, counted: Mapping[str, Any]) -> OwnedRow:
    who = Identity.from_actor(review.author)
    return OwnedRow(
        who,
        {
            "reviewer_person": main.get(who.github_id or 0),
            "github_id": review.full_database_id,
            "node_id": review.id,
            "state": review.state and review.state.lower(),
            "submitted_at": review.submitted_at,
            **counted,
        },
    )


def _commit(commit: records.Commit, text: CommitText, asked: Collection[str]) -> OwnedRow:
    headline, body = commit.message_headline, commit.message_body
    return OwnedRow(
        Identity.from_actor(commit.author.user if commit.author else None),
        {
            "sha": commit.oid,
            "authored_at": commit.authored_date and commit.authored_date.astimezone(UTC),
            "committed_at": commit.committed_date and commit.committed_date.astimezone(UTC),
            "additions": commit.additions,
            "deletions": commit.deletions,
            "message_headline": None if headline is None else tidy(headline),
            "reverts_sha": calculations.reverted_sha(f"{headline or ''}\n\n{body or ''}"),
            "marks": None if body is None else kept_of_commit(text, commit.id, asked),
        },
    )


def _timeline(record: records.PullRequest) -> list[dict[str, Any]]:
    events = {
        item.id: _event(item, item.created_at)
        for item in record.timeline_items.items
        if item.typename in _EVENTS and item.id and item.created_at
    }
    return list(events.values())


def _event(item: records.TimelineItem, at: datetime) -> dict[str, Any]:
    actor, asked = Identity.from_actor(item.actor), item.requested_reviewer
    group = asked if asked and asked.is_team else None
    reviewer = Identity.from_actor(None if group else asked)
    return {
        "node_id": item.id,
        "kind": _EVENTS[item.typename],
        "at": at,
        "actor_login": actor.login,
        "actor_github_id": actor.github_id,
        "reviewer_login": reviewer.login,
        "reviewer_github_id": reviewer.github_id,
        "reviewer_type": asked.typename if asked else None,
        "group_github_id": group.database_id if group else None,
        "group_slug": tidy((group and group.slug) or ""),
        "detail": _detail(item)[:600],
    }


def _detail(item: records.TimelineItem) -> str:
    if item.current_ref_name:
        return tidy(f"{item.previous_ref_name or ''}\t{item.current_ref_name}")
    return tidy(item.reason or "")
