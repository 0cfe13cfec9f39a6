"""Suggests accounts that may be one person, with reasons. Only a person merges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.integrations.models import CommitIdentity
from apps.integrations.people import own_marks
from apps.integrations.people.commit_identities import plain_name
from apps.integrations.people.team_key import hashed, key_of
from apps.metrics.calculations.ai_accounts import Actor, is_person
from apps.metrics.models import SamePerson, TeamMember
from apps.teams.models import Team

MOST = 100
# An address or name shared by more accounts is a bot's, or an unchanged default.
CROWD = 4
REASONS = ("same commit e-mail", "same name and e-mail domain", "same name")


@dataclass(frozen=True)
class Suggestion:
    """The suggestion that an account belongs to a member."""

    account: int
    login: str
    is_member: bool
    member: TeamMember
    reason: str


def of_team(team: Team) -> list[Suggestion]:
    """Suggestions, the best reasons first."""
    members = {row.github_id: row for row in TeamMember.objects.for_team(team).filter(is_bot=False)}
    logins = {number: row.github_username for number, row in members.items()}
    said = _people_alone(team)
    logins |= {row.github_id: row.login for row in said if row.github_id not in logins}
    decided = _decided(team)
    found: dict[frozenset[int], Suggestion] = {}
    for reason, accounts in _groups(team, said, members.values()):
        for one in accounts:
            for other in accounts:
                main, account = _in_order(members, one, other)
                pair = frozenset((one, other))
                if main is None or pair in found or pair in decided or account not in logins:
                    continue
                is_member = account in members
                found[pair] = Suggestion(account, logins[account], is_member, main, reason)
    return sorted(found.values(), key=lambda each: REASONS.index(each.reason))[:MOST]


def _people_alone(team: Team) -> list[CommitIdentity]:
    rows = CommitIdentity.objects.filter(team=team)
    own = own_marks.of_team(team)
    return [row for row in rows if is_person(Actor(row.github_id, row.login, "User"), own)]


def _decided(team: Team) -> set[frozenset[int]]:
    """Pairs decided by a person; merged accounts count with all of theirs."""
    rows = SamePerson.objects.for_team(team).values_list(
        "github_id", "member__github_id", "is_same"
    )
    pairs: set[frozenset[int]] = set()
    persons: dict[int, set[int]] = defaultdict(set)
    for account, main, is_same in rows:
        pairs.add(frozenset((account, main)))
        if is_same:
            persons[main] |= {account, main}
    for accounts in persons.values():
        pairs |= {frozenset((one, other)) for one in accounts for other in accounts}
    return pairs


def _groups(
    team: Team, said: Iterable[CommitIdentity], members: Iterable[TeamMember]
) -> Iterator[tuple[str, list[int]]]:
    """Accounts that share an address or name, the strongest evidence first."""
    by_email, by_both, by_name = (defaultdict(set) for _ in REASONS)
    for row in said:
        by_email[row.email_hash].add(row.github_id)
        by_name[row.name_hash].add(row.github_id)
        if row.name_hash and row.domain_hash:
            by_both[row.name_hash + row.domain_hash].add(row.github_id)
    key = key_of(team)
    for member in members:
        by_name[hashed(key, plain_name(member.name))].add(member.github_id)
    for reason, groups in zip(REASONS, (by_email, by_both, by_name), strict=True):
        for text, accounts in groups.items():
            if text and 1 < len(accounts) <= CROWD:
                yield reason, sorted(accounts)


def _in_order(
    members: dict[int, TeamMember], one: int, other: int
) -> tuple[TeamMember | None, int]:
    """Which account remains: an active member before a former one, then the older account."""
    first, second = members.get(one), members.get(other)
    if one == other or not (first or second):
        return None, one
    ranked = sorted(
        (each for each in (first, second) if each),
        key=lambda member: (not member.is_active, member.github_id),
    )
    main = ranked[0]
    return main, other if main.github_id == one else one
