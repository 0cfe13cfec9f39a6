"""Figures that follow a team's new definitions, from what is stored: nothing is fetched.

What is left to do is `Team.recalculate_from`, so that a killed worker loses nothing. Each row is
written by itself, and only if no sync has stored it anew in between: a sync that comes from
GitHub knows better.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from apps.integrations.models import GitHubIntegration, TrackedRepository
from apps.integrations.storing.facts import (
    Accounts,
    Identity,
    counted_reviews,
    event_fact,
    flags_by_place,
    flags_by_settings,
)
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.integrations.work.nudge import nudge
from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.pull_requests import (
    CommitFact,
    Person,
    PullRequestFacts,
    ReviewFact,
)
from apps.metrics.calculations.waiting import GroupMembers
from apps.metrics.figures import freshness
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest, TimelineEvent
from apps.teams.changes import figures_changed
from apps.teams.models import Team

BATCH = 200
TURN = timedelta(seconds=5)


def settings_changed(team: Team, changed: set[str], **_: Any) -> None:
    """Makes due what a team's new settings need."""
    now = datetime.now(UTC)
    if "keep_days" in changed:
        Team.objects.filter(pk=team.pk).update(prune_due_at=now)
    if {"history_days", "keep_days"} & changed:
        TrackedRepository.objects.for_team(team).filter(is_active=True).update(due_at=now)
    if "bot_logins" in changed:
        GitHubIntegration.objects.for_team(team).update(members_due_at=now)
    nudge()


def _due(now: datetime) -> QuerySet[Team]:
    return Team.objects.filter(recalculate_from__isnull=False).order_by("pk")


def _for_a_while(team: Team, now: datetime) -> None:
    while _batch(team.pk) and datetime.now(UTC) < now + TURN:
        leases.renew_held()


RECALCULATION = Chore("recalculation", _due, _for_a_while)


def _batch(team_id: int) -> bool:
    """Recalculates the next rows; whether there may be more."""
    team = Team.objects.get(pk=team_id)
    if team.recalculate_from is None:
        return False
    rows = (
        PullRequest.objects.for_team(team)
        .filter(pk__gt=team.recalculate_from)
        .order_by("pk")
        .select_related("repository__team")
    )
    batch = list(rows.prefetch_related(*_RELATED)[:BATCH])
    _recalculate_all(team, batch)
    return _advance(team, batch[-1].pk if len(batch) == BATCH else None)


def group_changed(team: Team, github_id: int) -> None:
    """Tells anew what waits for a team on GitHub whose members are others now."""
    asked = TimelineEvent.objects.for_team(team).filter(group_github_id=github_id)
    rows = PullRequest.objects.for_team(team).filter(
        state=PullRequest.State.OPEN, pk__in=asked.values("pull_request")
    )
    _recalculate_all(team, rows.select_related("repository__team").prefetch_related(*_RELATED))


def _recalculate_all(team: Team, rows: Iterable[PullRequest]) -> None:
    main = accounts.main_accounts(team)
    members = accounts.group_members(team, main)
    for row in rows:
        _recalculate(team, row, main, members)


# In the order in which GitHub told them.
_RELATED = (
    Prefetch("reviews", PRReview.objects.order_by("submitted_at", "pk")),
    "commits",
    "timeline",
)


@transaction.atomic
def _advance(team: Team, reached: int | None) -> bool:
    # Settings, people or names that were changed while we worked by the former ones: once more.
    unchanged = Team.objects.filter(pk=team.pk, revision=team.revision)
    if not unchanged.update(recalculate_from=reached):
        return True
    figures_changed(team.pk)
    return reached is not None


def _recalculate(team: Team, row: PullRequest, main: Accounts, members: GroupMembers) -> None:
    facts = _facts(team, row, main, members)
    figures = dict(vars(calculations.calculate(facts)))
    counted = counted_reviews(facts, figures)
    figures |= flags_by_settings(team, row.labels, row.head_branch, row.title)
    figures |= flags_by_place(
        row.repository,
        row.base_branch,
        is_member=row.author_id is not None,
        is_bot=facts.author.is_bot,
    )
    changed = {name: new for name, new in figures.items() if getattr(row, name) != new}
    reviews = [
        (review.pk, new)
        for review, new in zip(_dated(row), counted, strict=True)
        if any(getattr(review, name) != value for name, value in new.items())
    ]
    if changed or reviews:
        _store(row, changed, reviews)


@transaction.atomic
def _store(
    row: PullRequest, changed: dict[str, Any], reviews: list[tuple[int, dict[str, Any]]]
) -> None:
    stamps = {
        "modified_at": datetime.now(UTC),
        "stored_revision": freshness.changed(row.repository_id),
    }
    current = PullRequest.objects.filter(pk=row.pk, fetched_at=row.fetched_at)
    if not current.update(**stamps, **changed):
        return
    for pk, counted in reviews:
        PRReview.objects.filter(pk=pk).update(**counted)


def _facts(team: Team, row: PullRequest, main: Accounts, members: GroupMembers) -> PullRequestFacts:
    author = Identity(row.author_github_id, row.author_login, row.author_type)
    return PullRequestFacts(
        state=row.state,
        is_draft=row.is_draft,
        author=author.person(team, main),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        merged_at=row.merged_at,
        additions=row.additions,
        deletions=row.deletions,
        commits=[CommitFact(c.authored_at, c.committed_at) for c in row.commits.all()],
        reviews=[
            ReviewFact(_reviewer(team, review, main), review.state or "", at)
            for review in _dated(row)
            if (at := review.submitted_at)
        ],
        events=[event_fact(team, vars(event), main) for event in row.timeline.all()],
        group_members=members,
    )


def _dated(row: PullRequest) -> list[PRReview]:
    """Its reviews of which GitHub told when they were submitted: only these can count."""
    return [review for review in row.reviews.all() if review.submitted_at]


def _reviewer(team: Team, review: PRReview, main: Accounts) -> Person:
    who = Identity(review.reviewer_github_id, review.reviewer_login, review.reviewer_type)
    return who.person(team, main)
