"""People change their logins on GitHub without a trace in what they did; here their rows follow."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from apps.metrics.models import Commit, PRReview, PullRequest, TeamMember, TimelineEvent
from apps.teams.models import Team

# Where a login stands beside the id that stays: model and the names' beginning.
_ROLES: tuple[tuple[type[models.Model], str], ...] = (
    (PullRequest, "author"),
    (PullRequest, "merged_by"),
    (PRReview, "reviewer"),
    (Commit, "author"),
    (TimelineEvent, "actor"),
    (TimelineEvent, "reviewer"),
)


def follow(team: Team, logins: Mapping[int, str]) -> None:
    """Brings the rows of members whose login is no longer the one that is stored up to date."""
    members = TeamMember.objects.filter(team=team, github_id__in=list(logins))
    for member in members:
        login = logins[member.github_id]
        if member.github_username != login:
            _rename(team, member, login)


def _rename(team: Team, member: TeamMember, login: str) -> None:
    TeamMember.objects.filter(pk=member.pk).update(github_username=login)
    for model, role in _ROLES:
        model._default_manager.filter(
            **{"team": team, f"{role}_github_id": member.github_id}
        ).update(**{f"{role}_login": login})
