"""Stores people, their groups and chosen repositories, as part of `ingest`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from msgspec.structs import replace

from apps.integrations.github.people import ListedGroup, Person
from apps.integrations.models import AvailableRepository, GitHubIntegration
from apps.integrations.people import forgetting, own_marks, renaming
from apps.integrations.people.roles import LINKED, Role
from apps.integrations.storing import names
from apps.integrations.storing.recalculation import group_changed
from apps.metrics.calculations.ai_accounts import Actor, TeamMarks, is_bot
from apps.metrics.figures import freshness
from apps.metrics.models import Group, PullRequest, Repository, TeamMember
from apps.teams.changes import figures_changed
from apps.teams.models import Team

BATCH = 500


@transaction.atomic
def members(integration: GitHubIntegration, people: Sequence[Person]) -> None:
    """Adds or updates people by GitHub's id, and links their earlier activity."""
    team = integration.team
    figures_changed(team.pk)  # first, since it locks the team: see `hold`
    own = own_marks.of_team(team)
    forgotten = forgetting.is_forgotten(team)
    known = [each for each in _completed(team, people) if not forgotten(each.github_id)]
    renaming.follow(team, {person.github_id: person.login for person in known})
    TeamMember.objects.bulk_create(
        [_member(team, person, own) for person in known],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["team", "github_id"],
        update_fields=[
            *("github_username", "name", "avatar_url", "role", "is_bot"),
            *("is_active", "left_at", "modified_at"),
        ],
    )
    ids = [person.github_id for person in known]
    integration.members.add(*TeamMember.objects.for_team(team).filter(github_id__in=ids))
    _link_backwards(team, ids)


@transaction.atomic
def members_left(integration: GitHubIntegration, seen: set[int]) -> int:
    """Records who left the organisation; returns how many. Nobody is deleted.

    A person still in another organisation of the team stays active.
    """
    figures_changed(integration.team_id)
    gone = [m for m in integration.members.all() if m.github_id not in seen]
    integration.members.remove(*gone)
    return (
        TeamMember.objects.for_team(integration.team)
        .filter(pk__in=[m.pk for m in gone], is_active=True, integrations=None)
        .update(is_active=False, left_at=timezone.now())
    )


def are_missing(integration: GitHubIntegration, seen: set[int]) -> bool:
    """Whether known members of the organisation are not among these."""
    return integration.members.exclude(github_id__in=seen).exists()


@transaction.atomic
def group(integration: GitHubIntegration, found: ListedGroup) -> None:
    """Adds or updates a team of the organisation, and sets its members."""
    figures_changed(integration.team_id)
    row, is_new = Group.objects.update_or_create(
        team=integration.team,
        github_id=found.github_id,
        defaults={
            "organization_id": integration.organization_id,
            "slug": _slug(integration, found),
            "name": found.name,
        },
    )
    before = set(row.members.values_list("pk", flat=True))
    people = TeamMember.objects.for_team(integration.team).filter(github_id__in=found.member_ids)
    row.members.add(*people)
    if found.is_complete:
        row.members.set(people)
    if is_new or before != set(row.members.values_list("pk", flat=True)):
        group_changed(integration.team, found.github_id)


def _slug(integration: GitHubIntegration, group: ListedGroup) -> str:
    """GitHub's slug; prefixed with the organisation if another one's team has the same."""
    others = Group.objects.for_team(integration.team).exclude(github_id=group.github_id)
    is_taken = others.filter(slug=group.slug).exists()
    return f"{integration.organization_slug}/{group.slug}" if is_taken else group.slug


@transaction.atomic
def groups_gone(integration: GitHubIntegration, seen: set[int]) -> None:
    """Deletes teams that the organisation no longer has; they hold only their memberships."""
    figures_changed(integration.team_id)
    Group.objects.for_team(integration.team).filter(
        organization_id=integration.organization_id
    ).exclude(github_id__in=seen).delete()


def repositories(
    team: Team, chosen: Sequence[AvailableRepository], host: str
) -> dict[int, Repository]:
    """Adds or updates chosen repositories; returns their rows by GitHub's id."""
    figures_changed(team.pk)
    names.move_names(team, {listed.full_name: listed.github_repo_id for listed in chosen})
    Repository.objects.bulk_create(
        [_repository(team, listed, host) for listed in chosen],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["team", "github_repo_id"],
        update_fields=[
            *("node_id", "full_name", "default_branch", "is_private", "is_archived"),
            *("url", "modified_at"),
        ],
    )
    ids = [listed.github_repo_id for listed in chosen]
    rows = Repository.objects.for_team(team).filter(github_repo_id__in=ids)
    return {row.github_repo_id: row for row in rows}


def _completed(team: Team, people: Sequence[Person]) -> Iterator[Person]:
    """People, with stored values where GitHub could not return them."""
    lacking = [each.github_id for each in people if None in (each.name, each.role)]
    rows = TeamMember.objects.for_team(team).filter(github_id__in=lacking)
    known = {row.github_id: row for row in rows}
    for each in people:
        row = known.get(each.github_id) or TeamMember(role="member")
        name = row.name if each.name is None else each.name
        yield replace(each, name=name, role=each.role or row.role)


def _member(team: Team, person: Person, own: TeamMarks) -> TeamMember:
    now: datetime = timezone.now()
    return TeamMember(
        team=team,
        github_id=person.github_id,
        github_username=person.login,
        name=(person.name or "").replace("\0", "")[:255],
        avatar_url=person.avatar_url[:500],
        role=person.role or "",
        is_bot=person.is_bot or is_bot(Actor(person.github_id, person.login, "User"), own),
        is_active=True,
        left_at=None,
        modified_at=now,
    )


def _repository(team: Team, listed: AvailableRepository, host: str) -> Repository:
    return Repository(
        team=team,
        github_repo_id=listed.github_repo_id,
        node_id=listed.node_id,
        full_name=listed.full_name,
        default_branch=listed.default_branch,
        is_private=listed.is_private,
        is_archived=listed.is_archived,
        url=f"{host}/{listed.full_name}",
        modified_at=timezone.now(),
    )


def _link_backwards(team: Team, ids: Sequence[int]) -> None:
    """Links authors and reviewers whose work was stored before they were known here."""
    unknown = Q(author=None, author_github_id__in=ids)
    unknown |= Q(reviews__reviewer=None, reviews__reviewer_github_id__in=ids)
    unknown |= Q(initiator=None, initiator_github_id__in=ids)
    mine = PullRequest.objects.for_team(team).filter(unknown)
    if mine.exists():
        freshness.all_changed(team)
        freshness.stamp(mine)
    for role in LINKED:
        _link(team, role, ids)


# An author who is a member is not external.
_COUNTED = {
    "author": ~Q(ai="agent") | Q(initiator_github_id=None),
    "initiator": Q(ai="agent"),
}


def _link(team: Team, role: Role, ids: Sequence[int]) -> None:
    person = TeamMember.objects.for_team(team).filter(github_id=OuterRef(role.github_id))
    waiting = role.rows(team, ids).filter(**{f"{role.name}__isnull": True})
    member = {role.name: Subquery(person.values("pk")[:1])}
    if role.model is PullRequest:
        waiting.filter(_COUNTED[role.name]).update(**member, is_external=False)
    waiting.update(**member)
