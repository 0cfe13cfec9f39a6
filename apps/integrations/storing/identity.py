"""Who acted, as GitHub has it, and who that is to the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.integrations.github import records
from apps.metrics.calculations import ai_accounts
from apps.metrics.calculations.ai_accounts import Actor, TeamMarks
from apps.metrics.calculations.facts import Person

Accounts = Mapping[int, int]
"""By the other accounts of people with several: their main one."""
NO_OTHERS: Accounts = {}


def main_account(main: Accounts, account: int | None) -> int | None:
    """The account that stands for the person whose this is."""
    return None if account is None else main.get(account, account)


@dataclass(frozen=True)
class Identity:
    """Who acted, as GitHub has it; all None where the account was deleted."""

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
        """Who this is to the figures: by the main account of a person with several.

        Agents and the team's own lists are included.
        """
        is_bot = ai_accounts.is_bot(self.actor, own)
        return Person(main_account(main, self.github_id), self.login, is_bot)


NOBODY = Identity()
