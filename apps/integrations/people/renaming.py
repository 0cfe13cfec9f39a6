"""Follows renamed logins: GitHub's past records do not mention a rename."""

from __future__ import annotations

from collections.abc import Mapping

from apps.integrations.people.roles import ROLES
from apps.metrics.models import TeamMember
from apps.teams.models import Team


def follow(team: Team, logins: Mapping[int, str]) -> None:
    """Updates rows of members whose stored login is outdated."""
    members = TeamMember.objects.filter(team=team, github_id__in=list(logins))
    for member in members:
        login = logins[member.github_id]
        if member.github_username != login:
            _rename(team, member, login)


def _rename(team: Team, member: TeamMember, login: str) -> None:
    TeamMember.objects.filter(pk=member.pk).update(github_username=login)
    for role in ROLES:
        role.rows(team, [member.github_id]).update(**{role.login: login})
