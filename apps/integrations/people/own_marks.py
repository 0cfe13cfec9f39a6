"""A team's changes to the table of AI marks: additions, ignored tools, and bots."""

from __future__ import annotations

from collections.abc import Iterable

from apps.integrations.people.team_key import hashed, key_of
from apps.metrics.calculations import own_marks, reduced
from apps.metrics.calculations.ai_accounts import TeamMarks
from apps.metrics.calculations.reduced import Hash
from apps.teams.models import Team


def of_team(team: Team) -> TeamMarks:
    """The team's own marks, with hashed trailers as stored."""
    trailers = own_marks.read(team.ai_trailers)
    return TeamMarks(
        logins=own_marks.logins(team.ai_logins),
        trailers=trailers,
        hashed_trailers=_as_kept(team, trailers) if trailers else {},
        branches=own_marks.read(team.ai_branches),
        labels=own_marks.read(team.ai_labels),
        ignored_tools=frozenset(tool.lower() for tool in team.ai_ignored),
        bots=frozenset(own_marks.logins(team.bot_logins)),
    )


def hashing(team: Team) -> Hash:
    """Hashes with the team's own key."""
    key: list[bytes] = []

    def hash_of(text: str) -> str:
        if not key:
            key.append(key_of(team))
        return hashed(key[0], text)

    return hash_of


def _as_kept(team: Team, trailers: Iterable[str]) -> dict[str, str]:
    hash_of = hashing(team)
    return {reduced.trailer(text, hash_of): text for text in trailers}
