"""The viewer of figures, and which single people's figures they may see.

A team may restrict figures on single people to admins and that person. Who wrote or reviewed what
stays visible then, as on GitHub; what is hidden is every figure that sums a person up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import (
    BigIntegerField,
    CharField,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast

from apps.metrics.filters import accounts
from apps.metrics.models import Group, PullRequest, TeamMember
from apps.teams.access import TeamRequest
from apps.teams.models import Team
from apps.users.github_accounts import signed_in_with
from apps.users.models import User

REFUSAL = "Figures on a single person are for admins of the team and that person."


@dataclass(frozen=True)
class Viewer:
    """A member of a team; `sees_everyone` if all people's figures are visible to them."""

    team: Team
    user: User
    sees_everyone: bool

    @cached_property
    def accounts(self) -> frozenset[int]:
        """GitHub ids of the viewer's accounts, including merged ones."""
        own, _ = self._known
        if not own:
            return own
        persons = {self.main_accounts.get(account, account) for account in own}
        others = {other for other, main in self.main_accounts.items() if main in persons}
        return own | persons | others

    @cached_property
    def main_accounts(self) -> dict[int, int]:
        """Main accounts by the other accounts of people with several."""
        return self._known[1]

    @cached_property
    def _known(self) -> tuple[frozenset[int], dict[int, int]]:
        """The accounts they sign in with, and everybody's main accounts, in one query."""
        nothing = Cast(Value(None), BigIntegerField())
        own = signed_in_with(self.user).values_list("uid", nothing)
        others = accounts.others(self.team).values_list(
            Cast("github_id", CharField()), "member__github_id"
        )
        rows = [(int(uid), main) for uid, main in own.union(others, all=True) if uid.isdigit()]
        mine = frozenset(account for account, main in rows if main is None)
        return mine, {account: main for account, main in rows if main is not None}

    def sees(self, account: int | None) -> bool:
        """Whether the viewer may see figures on the person with this GitHub id."""
        return self.sees_everyone or account in self.accounts

    @cached_property
    def logins(self) -> frozenset[str]:
        """The viewer's own logins in the team's rows, in lower case."""
        members = TeamMember.objects.for_team(self.team).filter(github_id__in=self.accounts)
        written = PullRequest.objects.for_team(self.team).filter(author_github_id__in=self.accounts)
        logins = members.values_list("github_username", flat=True).union(
            written.values_list("author_login", flat=True)
        )
        return frozenset(login.lower() for login in logins if login)

    def sees_login(self, login: str) -> bool:
        """Whether the viewer may see figures on the person with this login."""
        return self.sees_everyone or login.lower() in self.logins


def viewer_of(request: TeamRequest) -> Viewer:
    """The viewer of a page; cached on the request."""
    known: Viewer | None = getattr(request, "viewer", None)
    if known is None:
        is_open = request.membership.is_admin or not request.team.are_people_private
        known = Viewer(request.team, request.user, is_open)
        request.viewer = known  # type: ignore[attr-defined]
    return known


def visible_groups(viewer: Viewer) -> QuerySet[Group]:
    """Groups whose figures the viewer may see, without those of one person if they are private."""
    if viewer.sees_everyone:
        return Group.objects.for_team(viewer.team)
    return groups_of_several(viewer.team)


def groups_of_several(team: Team) -> QuerySet[Group]:
    """Those of more than one person."""
    counted = Group.objects.for_team(team).annotate(people=accounts.people(team, "members__"))
    return counted.filter(people__gt=1)
