"""GitHub accounts of one person: suggested with a reason, decided by an admin, reversible.

Each row keeps the original account; next to it are the member and the person's main account
(`author`, `author_person`), which follow a decision at once. What depends on whether two accounts
are one person (reviews that count, durations) is recalculated from stored data.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from apps.audit.record import record
from apps.integrations.nudge import nudge
from apps.integrations.people.roles import LINKED
from apps.metrics.figures import freshness
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, PullRequest, SamePerson, TeamMember
from apps.teams.access import TeamRequest
from apps.teams.changes import figures_changed
from apps.teams.models import Team


class NotOnePersonError(Exception):
    """Two accounts cannot be merged; the message says why."""


@transaction.atomic
def make_one(
    request: TeamRequest, team: Team, account: int, member: TeamMember, reason: str = ""
) -> SamePerson:
    """Merges an account, and accounts merged with it before, into a member's.

    Raises NotOnePersonError.
    """
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    login = accounts.login_of(team, account)
    main = accounts.others(team).filter(github_id=member.github_id).select_related("member").first()
    member = main.member if main else member
    if login is None:
        raise NotOnePersonError("No such account appears in this team.")
    if account == member.github_id:
        raise NotOnePersonError(f"{login} is the account of {member} already.")
    if accounts.others(team).filter(github_id=account).exists():
        raise NotOnePersonError(
            f"{login} is merged with another person already: separate it first."
        )
    row, _ = SamePerson.objects.update_or_create(
        team=team,
        github_id=account,
        member=member,
        defaults={"login": login, "is_same": True, "reason": reason, "decided_by": request.user},
    )
    moved = [account]
    for other in accounts.others(team).filter(member__github_id=account):
        SamePerson.objects.filter(team=team, github_id=other.github_id, member=member).delete()
        SamePerson.objects.filter(pk=other.pk).update(member=member)
        moved.append(other.github_id)
    _follow(team, moved)
    _audit(request, "people.made_one", row)
    return row


@transaction.atomic
def separate(request: TeamRequest, row: SamePerson) -> None:
    """Undoes a merge: the account is a separate person again."""
    Team.objects.select_for_update(no_key=True).get(pk=row.team_id)
    SamePerson.objects.filter(pk=row.pk).delete()
    _follow(row.team, [row.github_id])
    _audit(request, "people.separated", row)


def refuse(request: TeamRequest, team: Team, account: int, member: TeamMember) -> None:
    """Records that they are two people, which are not suggested again."""
    login = accounts.login_of(team, account)
    if login is None:
        raise NotOnePersonError("No such account appears in this team.")
    row, is_new = SamePerson.objects.get_or_create(
        team=team,
        github_id=account,
        member=member,
        defaults={"login": login, "is_same": False, "decided_by": request.user},
    )
    if is_new:
        _audit(request, "people.not_one", row)


def forget_refusal(request: TeamRequest, row: SamePerson) -> None:
    """Allows the suggestion again."""
    SamePerson.objects.filter(pk=row.pk, is_same=False).delete()
    _audit(request, "people.undecided", row)


def follow_all(team: Team) -> None:
    """Updates all rows to the current decisions, for example after a member was deleted."""
    main = accounts.main_accounts(team)
    linked = PullRequest.objects.for_team(team).exclude(author_person=None)
    reviewed = PRReview.objects.for_team(team).exclude(reviewer_person=None)
    astray = {*main, *linked.values_list("author_github_id", flat=True).distinct()}
    astray |= {*reviewed.values_list("reviewer_github_id", flat=True).distinct()}
    if known := sorted(filter(None, astray)):
        _follow(team, known)


def _follow(team: Team, moved: list[int]) -> None:
    figures_changed(team.pk)
    freshness.all_changed(team)
    main = accounts.main_accounts(team)
    for account in moved:
        person = main.get(account)
        member = TeamMember.objects.for_team(team).filter(github_id=person or account).first()
        acted = Q(author_github_id=account) | Q(initiator_github_id=account)
        acted |= Q(reviews__reviewer_github_id=account)
        freshness.stamp(PullRequest.objects.for_team(team).filter(acted))
        for role in LINKED:
            who = {f"{role.name}_person": person} if role.has_person else {}
            role.rows(team, [account]).update(**{role.name: member}, **who)
    Team.objects.filter(pk=team.pk).update(recalculate_from=0)
    transaction.on_commit(nudge)


def _audit(request: TeamRequest, action: str, row: SamePerson) -> None:
    record(
        action,
        team_id=row.team_id,
        request=request,
        object_name=row.login,
        person=row.member.github_username,
        reason=row.reason,
    )
