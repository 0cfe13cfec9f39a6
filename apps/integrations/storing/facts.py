"""PURE but for the models' column names: GitHub's records as the rows that `ingest` stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.integrations.github import records
from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.pull_requests import (
    CommitFact,
    EventFact,
    Person,
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.waiting import GroupMembers, answer_times
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


def tidy(text: str) -> str:
    """Text without NUL, which PostgreSQL refuses."""
    return text.replace("\x00", "")


Accounts = Mapping[int, int]
"""By the other accounts of people with several: their main one."""
NO_OTHERS: Accounts = {}


def main_account(main: Accounts, account: int | None) -> int | None:
    """The account that stands for the person whose this is."""
    return None if account is None else main.get(account, account)


@dataclass(frozen=True)
class Identity:
    """Who acted, as GitHub has it; all None where the account was deleted."""

    github_id: int | None = None
    login: str | None = None
    type: str | None = None

    @classmethod
    def of(cls, actor: records.Actor | None) -> Identity:
        """The identity of an actor."""
        if actor is None:
            return cls()
        return cls(actor.database_id, actor.login, actor.typename)

    def person(self, team: Team, main: Accounts = NO_OTHERS) -> Person:
        """Who this is to the figures: by the main account of a person with several.

        The team's own list of bots is included.
        """
        is_bot = calculations.is_bot(self.type, self.login, team.bot_logins)
        return Person(main_account(main, self.github_id), self.login, is_bot)


@dataclass(frozen=True)
class OwnedRow:
    """Columns of a review or commit, and whose it is."""

    author: Identity
    columns: dict[str, Any]


@dataclass(frozen=True)
class PullRequestRow:
    """All rows that a pull request becomes, without keys to other rows."""

    author: Identity
    is_bot: bool
    columns: dict[str, Any]
    reviews: list[OwnedRow]
    commits: list[OwnedRow]
    timeline: list[dict[str, Any]]

    @property
    def number(self) -> int:
        """What it is called in its repository."""
        return int(self.columns["number"])

    @property
    def reverted_shas(self) -> set[str]:
        """What its commits say that they revert."""
        return {sha for commit in self.commits if (sha := commit.columns["reverts_sha"])}

    @property
    def shas(self) -> list[str]:
        """Its commits, in GitHub's order."""
        return [commit.columns["sha"] for commit in self.commits]

    def people(self) -> Iterator[Identity]:
        """Everyone who may be a member of the team."""
        yield self.author
        for owned in (*self.reviews, *self.commits):
            yield owned.author


def read(
    team: Team,
    record: records.PullRequest,
    main: Accounts = NO_OTHERS,
    untold: Mapping[str, bool] | None = None,
    group_members: GroupMembers | None = None,
) -> PullRequestRow:
    """A record as rows, with every figure of METRICS calculated by the team's definitions.

    `untold` is what of it GitHub could not tell: see `last_known`.
    """
    author = Identity.of(record.author)
    reviews = _submitted(record)
    dated = [(review, at) for review in reviews if (at := review.submitted_at)]
    commits = _distinct_commits(record)
    timeline = _timeline(record)
    facts = PullRequestFacts(
        state=_state(record),
        is_draft=bool(record.is_draft),
        author=author.person(team, main),
        opened_at=_opened_at(record),
        closed_at=record.closed_at,
        merged_at=record.merged_at,
        additions=record.additions,
        deletions=record.deletions,
        commits=[CommitFact(c.authored_date, c.committed_date) for c in commits],
        reviews=[
            ReviewFact(Identity.of(r.author).person(team, main), (r.state or "").lower(), at)
            for r, at in dated
        ],
        events=[event_fact(team, event, main) for event in timeline],
        group_members=group_members or {},
    )
    figures = dict(vars(calculations.calculate(facts)))
    counted = counted_reviews(facts, figures)
    by_review = {review.id: told for (review, _), told in zip(dated, counted, strict=True)}
    return PullRequestRow(
        author=author,
        is_bot=facts.author.is_bot,
        columns={
            **_as_github_has_it(record),
            **_flags(team, record),
            **figures,
            "author_person": main.get(author.github_id or 0),
            "untold": dict(untold or {}),
        },
        reviews=[
            _review(main, review, by_review.get(review.id, NOT_COUNTED)) for review in reviews
        ],
        commits=[_commit(commit) for commit in commits],
        timeline=timeline,
    )


NOT_COUNTED: Mapping[str, Any] = {
    "is_qualifying": False,
    "response_time": None,
    "answer_time": None,
}


def counted_reviews(facts: PullRequestFacts, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What is counted of each review, taken out of the figures of its pull request."""
    qualifying, responses = figures.pop("qualifying"), figures.pop("responses")
    each = zip(qualifying, responses, answer_times(facts, qualifying), strict=True)
    return [dict(zip(NOT_COUNTED, told, strict=True)) for told in each]


def event_fact(team: Team, event: Mapping[str, Any], main: Accounts) -> EventFact:
    """An event as figures read it, from the columns of its row."""
    kind, login = event["reviewer_type"], event["reviewer_login"]
    return EventFact(
        event["kind"],
        event["at"],
        main_account(main, event["reviewer_github_id"]),
        event["group_github_id"],
        is_group=kind == "Team",
        is_bot=calculations.is_bot(kind, login, team.bot_logins),
    )


def _as_github_has_it(record: records.PullRequest) -> dict[str, Any]:
    author, merged_by = Identity.of(record.author), Identity.of(record.merged_by)
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
    """As GitHub tells it, else by how it ended."""
    if record.state:
        return record.state.lower()
    return "merged" if record.merged_at else "closed" if record.closed_at else "open"


def _opened_at(record: records.PullRequest) -> datetime:
    """As GitHub tells it, else not after the first that is known to have happened."""
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
    """What the team's settings make of a pull request: anew where they change."""
    patterns = calculations.HotfixPatterns(
        labels=team.hotfix_labels, branches=team.hotfix_branches, titles=team.hotfix_titles
    )
    return {"is_hotfix": calculations.is_hotfix(labels, head_branch, title, patterns)}


def flags_by_place(
    repository: Repository, base_branch: str, *, is_member: bool, is_bot: bool
) -> dict[str, Any]:
    """What depends on other rows: who its author is here, and where it is."""
    return {
        "is_bot": is_bot,
        "is_external": is_external(is_member=is_member, is_bot=is_bot),
        "is_excluded": is_excluded(repository.team, repository.full_name, base_branch),
    }


def is_external(*, is_member: bool, is_bot: bool = False) -> bool:
    """Whether somebody from outside wrote it: nobody of the team, and no bot."""
    return not (is_member or is_bot)


def is_excluded(team: Team, repository: str, base_branch: str) -> bool:
    """Whether the team leaves such a pull request out of its figures."""
    exclusions = calculations.Exclusions(team.excluded_repositories, team.excluded_branches)
    # One that lost its name to another is left out by it all the same.
    return calculations.is_excluded(repository.partition("@")[0], base_branch, exclusions)


def _submitted(record: records.PullRequest) -> list[records.Review]:
    """Reviews that were submitted, each once though pages may have shifted."""
    reviews = {review.id: review for review in record.reviews.items}
    return [review for review in reviews.values() if review.state != "PENDING"]


def _distinct_commits(record: records.PullRequest) -> list[records.Commit]:
    return list({node.commit.oid: node.commit for node in record.commits.items}.values())


def _review(main: Accounts, review: records.Review, counted: Mapping[str, Any]) -> OwnedRow:
    who = Identity.of(review.author)
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


def _commit(commit: records.Commit) -> OwnedRow:
    headline, body = commit.message_headline, commit.message_body or ""
    return OwnedRow(
        Identity.of(commit.author.user if commit.author else None),
        {
            "sha": commit.oid,
            "authored_at": commit.authored_date and commit.authored_date.astimezone(UTC),
            "committed_at": commit.committed_date and commit.committed_date.astimezone(UTC),
            "additions": commit.additions,
            "deletions": commit.deletions,
            "message_headline": None if headline is None else tidy(headline),
            "reverts_sha": calculations.reverted_sha(f"{headline or ''}\n\n{body}"),
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
    actor, asked = Identity.of(item.actor), item.requested_reviewer
    group = asked if asked and asked.is_team else None
    reviewer = Identity.of(None if group else asked)
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
