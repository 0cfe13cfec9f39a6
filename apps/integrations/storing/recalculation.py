"""Recalculates figures after a team changed its definitions, from stored data only.

`Team.recalculate_from` says what is left, so a killed worker loses nothing. Each row is written
separately, and only if no sync has stored it meanwhile: data from GitHub takes precedence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from apps.integrations.models import GitHubIntegration, ProductionWalk, TrackedRepository
from apps.integrations.nudge import nudge
from apps.integrations.people import own_marks
from apps.integrations.storing import initiators, recount_requests, recounting
from apps.integrations.storing import texts as kept_texts
from apps.integrations.storing.calculated import (
    Calculated,
    KnownPullRequest,
    SubmittedReview,
    calculate,
    event_fact,
)
from apps.integrations.storing.facts import flags_by_place, flags_by_settings
from apps.integrations.storing.identity import Accounts, Identity
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.calculations.facts import CommitFact, GroupMembers, PullRequestFacts
from apps.metrics.figures import freshness
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest, PullRequestCommit, TeamMember, TimelineEvent
from apps.teams.changes import figures_changed
from apps.teams.models import Team

BATCH = 200
TURN = timedelta(seconds=5)


def settings_changed(team: Team, changed: set[str], **_: Any) -> None:
    """Schedules what a team's new settings require."""
    now = datetime.now(UTC)
    if "keep_days" in changed:
        Team.objects.filter(pk=team.pk).update(prune_due_at=now)
    if {"history_days", "keep_days"} & changed:
        TrackedRepository.objects.for_team(team).filter(is_active=True).update(due_at=now)
    if {"bot_logins", "ai_logins"} & changed:
        GitHubIntegration.objects.for_team(team).update(members_due_at=now)
    if "production_environments" in changed:
        recounting.follow_settings(team)
        # The history of an environment that counts from now on was not stored.
        ProductionWalk.objects.for_team(team).update(due_at=now)
    nudge()


def _due(now: datetime) -> QuerySet[Team]:
    return Team.objects.filter(recalculate_from__isnull=False).order_by("pk")


def _for_a_while(team: Team, now: datetime) -> None:
    while _batch(team.pk) and datetime.now(UTC) < now + TURN:
        leases.renew_held()


def at_once(team: Team) -> None:
    """Everything due for a team, for a user who waits at a terminal."""
    while _batch(team.pk):
        pass


RECALCULATION = Chore("recalculation", _due, _for_a_while)


def _batch(team_id: int) -> bool:
    """Recalculates the next rows; returns whether there may be more."""
    team = Team.objects.get(pk=team_id)
    if team.recalculate_from is None:
        return False
    rows = PullRequest.objects.for_team(team).filter(pk__gt=team.recalculate_from)
    batch = anew(team, rows.order_by("pk")[:BATCH])
    return _advance(team, batch[-1][0].pk if len(batch) == BATCH else None)


Unknown = tuple[tuple[str, str], ...]


def anew(team: Team, rows: QuerySet[PullRequest]) -> list[tuple[PullRequest, Unknown]]:
    """Recalculates these pull requests of a team from stored data.

    Returns them, each with the addresses whose accounts would decide the initiator.
    """
    batch = list(rows.select_related("repository__team").prefetch_related(*_RELATED))
    main = accounts.main_accounts(team)
    members = accounts.group_members(team, main)
    return [(row, _recalculate(team, row, main, members)) for row in batch]


def group_changed(team: Team, github_id: int) -> None:
    """Recalculates what waits for a GitHub team whose members changed."""
    asked = TimelineEvent.objects.for_team(team).filter(group_github_id=github_id)
    rows = PullRequest.objects.for_team(team).filter(
        state=PullRequest.State.OPEN, pk__in=asked.values("pull_request")
    )
    anew(team, rows)


# In GitHub's order.
_RELATED = (
    Prefetch("reviews", PRReview.objects.order_by("submitted_at", "pk")),
    Prefetch(
        "commit_links", PullRequestCommit.objects.order_by("position").select_related("commit")
    ),
    "timeline",
)


@transaction.atomic
def _advance(team: Team, reached: int | None) -> bool:
    # Repeat if settings, people or names changed while the former ones were in use.
    unchanged = Team.objects.filter(pk=team.pk, revision=team.revision)
    if not unchanged.update(recalculate_from=reached):
        return True
    figures_changed(team.pk)
    return reached is not None


def _recalculate(team: Team, row: PullRequest, main: Accounts, members: GroupMembers) -> Unknown:
    pull_request, own = _recalculated(team, row, main, members), own_marks.of_team(team)
    found = calculate(pull_request, own, main, {})
    if found.unknown:
        addresses = (address for _, address in found.unknown)
        found = calculate(pull_request, own, main, initiators.known(team, addresses))
    figures = found.columns | _who_asked(team, found)
    figures |= flags_by_settings(team, row.labels, row.head_branch, row.title)
    figures |= flags_by_place(
        row.repository,
        row.base_branch,
        {**figures, "is_bot": found.is_bot, "is_own_agent": found.is_own_agent},
        is_member=row.author_id is not None,
        is_initiators=figures["initiator_id"] is not None,
    )
    changed = {name: new for name, new in figures.items() if getattr(row, name) != new}
    reviews = [
        (review.pk, new)
        for review, new in zip(_dated(row), found.reviews, strict=True)
        if any(getattr(review, name) != value for name, value in new.items())
    ]
    if changed or reviews:
        _store(row, changed, reviews)
    return found.unknown


def _who_asked(team: Team, found: Calculated) -> dict[str, Any]:
    """The member who initiated it, with the current login."""
    who = found.initiator
    if who.github_id is None:
        return {"initiator_id": None}
    person = found.columns["initiator_person"] or who.github_id
    rows = TeamMember.objects.for_team(team).filter(github_id__in={person, who.github_id})
    known = {member.github_id: member for member in rows}
    own, member = known.get(who.github_id), known.get(person)
    return {
        "initiator_id": member.pk if member else None,
        "initiator_login": own.github_username if own else who.login,
    }


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
    if {"is_hotfix", "is_revert"} & changed.keys():
        # It decides which deployments failed.
        recount_requests.judge_bringers_anew(row.repository_id, [row.pk])
    for pk, counted in reviews:
        PRReview.objects.filter(pk=pk).update(**counted)


def _recalculated(
    team: Team, row: PullRequest, main: Accounts, members: GroupMembers
) -> KnownPullRequest:
    own = own_marks.of_team(team)
    author = Identity(row.author_github_id, row.author_login, row.author_type)
    commits = [link.commit for link in row.commit_links.all()]
    facts = PullRequestFacts(
        state=row.state,
        is_draft=row.is_draft,
        author=author.person(own, main),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        merged_at=row.merged_at,
        additions=row.additions,
        deletions=row.deletions,
        commits=[CommitFact(commit.authored_at, commit.committed_at) for commit in commits],
        events=[event_fact(own, vars(event), main) for event in row.timeline.all()],
        group_members=members,
    )
    return KnownPullRequest(
        facts=facts,
        author=author,
        merged_by=Identity(row.merged_by_github_id, row.merged_by_login, row.merged_by_type),
        reviews=[
            SubmittedReview(_reviewer(review), review.state or "", at)
            for review in _dated(row)
            if (at := review.submitted_at)
        ],
        texts=kept_texts.of_row(row, commits),
        is_read=kept_texts.is_read(row.marks),
    )


def _dated(row: PullRequest) -> list[PRReview]:
    """Its reviews with a known submission time: only these can count."""
    return [review for review in row.reviews.all() if review.submitted_at]


def _reviewer(review: PRReview) -> Identity:
    return Identity(review.reviewer_github_id, review.reviewer_login, review.reviewer_type)
