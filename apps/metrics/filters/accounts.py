"""The accounts that count, with a person's several GitHub accounts counted as one.

GitHub's own id stays in `author_github_id` and `reviewer_github_id`, for exports; figures group by
these expressions instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import BigIntegerField, Case, Count, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from apps.metrics.models import Group, PRReview, PullRequest, SamePerson, TeamMember
from apps.teams.models import Team


def counted(of_author: Any, of_initiator: Any, prefix: str = "") -> Case:
    """Who counts as a pull request's author: for an agent's, its initiator if known."""
    return Case(When(**{f"{prefix}ai": "agent"}, then=of_initiator), default=of_author)


def author(prefix: str = "") -> Case:
    """Who counts as its author, by main account; with a prefix, for its children."""
    own = Coalesce(f"{prefix}author_person", f"{prefix}author_github_id")
    asked = Coalesce(f"{prefix}initiator_person", f"{prefix}initiator_github_id")
    return counted(own, asked, prefix)


def reviewer(prefix: str = "") -> Coalesce:
    """A review's reviewer, by main account."""
    return Coalesce(f"{prefix}reviewer_person", f"{prefix}reviewer_github_id")


def author_login(prefix: str = "") -> Case:
    """The person's login: a member's from the main account, an outsider's from the row."""
    own = Coalesce(f"{prefix}author__github_username", f"{prefix}author_login")
    asked = Coalesce(f"{prefix}initiator__github_username", f"{prefix}initiator_login")
    return counted(own, asked, prefix)


def reviewer_login(prefix: str = "") -> Coalesce:
    """The same for a reviewer."""
    return Coalesce(f"{prefix}reviewer__github_username", f"{prefix}reviewer_login")


def others(team: Team) -> QuerySet[SamePerson]:
    """The team's accounts that are merged into a main account."""
    rows = SamePerson.objects.for_team(team)
    return rows.filter(is_same=True)


def main_accounts(team: Team) -> dict[int, int]:
    """Main accounts by the other accounts of people with several."""
    return dict(others(team).values_list("github_id", "member__github_id"))


def person(team: Team, prefix: str = "") -> Coalesce:
    """A member's person, by the key of the member with their main account."""
    main = others(team).filter(github_id=OuterRef(f"{prefix}github_id"))
    own = f"{prefix}pk"
    return Coalesce(Subquery(main.values("member")[:1]), own, output_field=BigIntegerField())


def people(team: Team, prefix: str = "") -> Count:
    """How many people: neither bots nor further accounts of a person count."""
    return Count(person(team, prefix), filter=Q(**{f"{prefix}is_bot": False}), distinct=True)


def group_members(team: Team, main: Mapping[int, int]) -> dict[int, frozenset[int]]:
    """By the id of each GitHub team, its members' main accounts."""
    groups = Group.objects.for_team(team).filter(github_id__isnull=False)
    found: dict[int, set[int]] = {
        number: set() for number in groups.values_list("github_id", flat=True) if number
    }
    pairs = Group.members.through.objects.filter(group__in=groups)
    for number, account in pairs.values_list("group__github_id", "teammember__github_id"):
        if number:
            found.setdefault(number, set()).add(account)
    return {
        number: frozenset(main.get(account, account) for account in members)
        for number, members in found.items()
    }


def login_of(team: Team, account: int) -> str | None:
    """An account's login in this team; None if it never appeared."""
    named = TeamMember.objects.for_team(team).filter(github_id=account)
    wrote = PullRequest.objects.for_team(team).filter(author_github_id=account)
    reviewed = PRReview.objects.for_team(team).filter(reviewer_github_id=account)
    for rows, field in (
        (named, "github_username"),
        (wrote.order_by("-pk"), "author_login"),
        (reviewed.order_by("-pk"), "reviewer_login"),
    ):
        login: str | None = rows.values_list(field, flat=True).first()
        if login:
            return login
    return None
