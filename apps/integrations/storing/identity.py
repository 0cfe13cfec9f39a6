"""Who acted, according to GitHub, and which person that is in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.integrations.github import records
from apps.metrics.calculations import ai_accounts
from apps.metrics.calculations.ai_accounts import Actor, TeamMarks
from apps.metrics.calculations.facts import Person

Accounts = Mapping[int, int]
"""Main accounts by the other accounts of people with several."""
NO_OTHERS: Accounts = {}


def main_account(main: Accounts, account: int | None) -> int | None:
    """The main account of the person with this account."""
    return None if account is None else main.get(account, account)


@dataclass(frozen=True)
class Identity:
    """An account according to GitHub; all fields are None if it was deleted."""

    github_id: int | None = None
    login: str | None = None
    type: str | None = None

    @classmethod
    def from_actor(cls, actor: records.Actor | None) -> Identity:
        """The identity of an actor."""
        if actor is None:
            return cls()
        return cls(actor.database_id, actor.login, actor.typename)

    @property
    def actor(self) -> Actor:
        """The same for the table of agents."""
        return Actor(self.github_id, self.login, self.type)

    def person(self, own: TeamMarks, main: Accounts = NO_OTHERS) -> Person:
        """The person in figures: the main account of a person with several.

        Agents and the team's own lists are included.
        """
        is_bot = ai_accounts.is_bot(self.actor, own)
        return Person(main_account(main, self.github_id), self.login, is_bot)


NOBODY = Identity()
