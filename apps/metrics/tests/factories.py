"""Stores pull requests for tests as a sync would: timestamps given, figures calculated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection

from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.facts import (
    CommitFact,
    EventFact,
    Person,
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.waiting import answer_times
from apps.metrics.figures import freshness
from apps.metrics.filters.viewer import Viewer
from apps.metrics.models import (
    Commit,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    TeamMember,
    TimelineEvent,
)
from apps.teams.models import Team
from apps.users.models import User

_ids = count(1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def make_team(name: str = "Acme", **fields: Any) -> Team:
    return Team.objects.create(name=name, slug=f"{name.lower()}-{next(_ids)}", **fields)


def anyone(team: Team) -> Viewer:
    """A viewer who may see all figures of the team."""
    return Viewer(team, User(), sees_everyone=True)


def make_repository(team: Team, full_name: str = "acme/shop") -> Repository:
    number = next(_ids)
    repository: Repository = Repository.objects.create(
        team=team,
        github_repo_id=number,
        full_name=full_name,
        default_branch="main",
        url=f"https://github.com/{full_name}",
    )
    return repository


def make_member(team: Team, login: str, **fields: Any) -> TeamMember:
    member: TeamMember = TeamMember.objects.create(
        team=team, github_id=next(_ids), github_username=login, **fields
    )
    return member


@dataclass
class Review:
    """A review, some hours after the pull request was opened."""

    reviewer: TeamMember | None
    hours: float
    state: str = "approved"


@dataclass
class Given:
    """A pull request; hours count from its opening."""

    author: TeamMember | None = None
    opened_at: datetime = NOON
    state: str = "merged"
    ended: float = 10
    is_draft: bool = False
    commits: Sequence[float] = ()
    reviews: Sequence[Review] = ()
    events: Sequence[tuple[str, float] | EventFact] = ()
    requests: Sequence[tuple[TeamMember | None, float]] = ()
    additions: int = 10
    deletions: int = 0
    title: str = "Add a thing"
    fields: dict[str, Any] = field(default_factory=dict)

    def at(self, hours: float) -> datetime:
        return self.opened_at + timedelta(hours=hours)

    @property
    def ended_at(self) -> datetime | None:
        return None if self.state == "open" else self.at(self.ended)


def _person(member: TeamMember | None) -> Person:
    if member is None:
        return Person(None, None)
    return Person(member.github_id, member.github_username, member.is_bot)


def facts_of(given: Given) -> PullRequestFacts:
    return PullRequestFacts(
        state=given.state,
        is_draft=given.is_draft,
        author=_person(given.author),
        opened_at=given.opened_at,
        closed_at=given.ended_at,
        merged_at=given.ended_at if given.state == "merged" else None,
        additions=given.additions,
        deletions=given.deletions,
        commits=[CommitFact(given.at(h), given.at(h)) for h in given.commits],
        reviews=[
            ReviewFact(_person(r.reviewer), r.state, given.at(r.hours)) for r in given.reviews
        ],
        events=[
            *(_event(event, given) for event in given.events),
            *(_request(member, given.at(hours)) for member, hours in given.requests),
        ],
    )


def _event(event: tuple[str, float] | EventFact, given: Given) -> EventFact:
    if isinstance(event, EventFact):
        return event
    kind, hours = event
    return EventFact(kind, given.at(hours))


def _request(member: TeamMember | None, at: datetime) -> EventFact:
    return EventFact("review_requested", at, member.github_id if member else None)


def make_pull_request(repository: Repository, **given: Any) -> PullRequest:
    """Store one, its reviews, commits and events; `fields` overrides columns."""
    facts = Given(**given)
    revision = freshness.changed(repository.pk, facts.opened_at)
    columns = _columns(repository, facts)
    pull_request = PullRequest(repository=repository, stored_revision=revision, **columns)
    pull_request.save()
    _store_children(pull_request, facts)
    return pull_request


def _columns(repository: Repository, given: Given) -> dict[str, Any]:
    facts = facts_of(given)
    figures = dict(vars(calculations.calculate(facts)))
    del figures["qualifying"], figures["responses"]
    number = next(_ids)
    author = given.author
    return {
        "team": repository.team,
        "number": number,
        "github_id": 2**31 + number,
        "node_id": f"PR_{number}",
        "url": f"{repository.url}/pull/{number}",
        "title": given.title,
        "state": given.state,
        "is_draft": given.is_draft,
        "base_branch": "main",
        "head_branch": f"topic-{number}",
        "author": author,
        "author_github_id": author and author.github_id,
        "author_login": author and author.github_username,
        "author_type": author and ("Bot" if author.is_bot else "User"),
        "is_bot": bool(author and author.is_bot),
        "opened_at": given.opened_at,
        "updated_at": given.ended_at or given.opened_at,
        "closed_at": facts.closed_at,
        "merged_at": facts.merged_at,
        "fetched_at": given.opened_at,
        "marks": {},
        "ai": "none",
        "additions": given.additions,
        "deletions": given.deletions,
        "commit_count": len(given.commits),
        **figures,
        **given.fields,
    }


def _store_children(pull_request: PullRequest, given: Given) -> None:
    facts = facts_of(given)
    figures = calculations.calculate(facts)
    answers = answer_times(facts, figures.qualifying)
    for place, review in enumerate(given.reviews):
        _store_review(
            pull_request,
            review,
            submitted_at=given.at(review.hours),
            is_qualifying=figures.qualifying[place],
            response_time=figures.responses[place],
            answer_time=answers[place],
        )
    for position, hours in enumerate(given.commits):
        commit = Commit.objects.create(
            team=pull_request.team,
            repository=pull_request.repository,
            sha=f"{next(_ids):040x}",
            author=given.author,
            authored_at=given.at(hours),
            committed_at=given.at(hours),
            message_headline="A step",
        )
        PullRequestCommit.objects.create(
            pull_request=pull_request, commit=commit, position=position
        )
    for event in facts.events:
        TimelineEvent.objects.create(
            team=pull_request.team,
            pull_request=pull_request,
            node_id=f"E_{next(_ids)}",
            kind=event.kind,
            at=event.at,
            reviewer_github_id=event.reviewer,
            reviewer_type=_type_of(event),
            group_github_id=event.group,
        )


def _type_of(event: EventFact) -> str | None:
    if event.is_group:
        return "Team"
    return "User" if event.reviewer is not None else None


def _store_review(pull_request: PullRequest, review: Review, **figures: Any) -> None:
    number = next(_ids)
    reviewer = review.reviewer
    PRReview.objects.create(
        team=pull_request.team,
        pull_request=pull_request,
        github_id=number,
        node_id=f"R_{number}",
        reviewer=reviewer,
        reviewer_github_id=reviewer.github_id if reviewer else None,
        reviewer_login=reviewer.github_username if reviewer else None,
        reviewer_type=("Bot" if reviewer.is_bot else "User") if reviewer else None,
        state=review.state,
        **figures,
    )


def make_copies(row: PullRequest, number: int) -> None:
    """More pull requests like this one. In SQL: creating so many objects takes seconds."""
    own = {"number": "1000000 + n", "node_id": "'PR_more_' || n"}
    columns = PullRequest._meta.concrete_fields
    names = [f.column for f in columns if f.column and not f.primary_key]
    quoted = {name: connection.ops.quote_name(name) for name in names}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE counted(n)
                AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < %s - 1)
            INSERT INTO metrics_pullrequest ({", ".join(quoted.values())})
            SELECT {", ".join(own.get(name, quoted[name]) for name in names)}
            FROM metrics_pullrequest, counted WHERE id = %s
            """,
            [number, row.pk],
        )
