"""Classifies an account or address: coding agent, AI reviewer, other bot, or person.

Pure. Accounts are matched by id if GitHub gives one, else by login and type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from apps.metrics.calculations import ai_marks
from apps.metrics.calculations.ai_marks import Account

SOME = 4096
"""Accounts that are remembered: the same few are asked for with each pull request."""
_NOREPLY = re.compile(r"(\d{1,19})\+[^@\s]{1,100}@users\.noreply\.github\.com")


@dataclass(frozen=True)
class Actor:
    """An account as GitHub returns it; empty if it was deleted or is unknown."""

    id: int | None = None
    login: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Signature:
    """The author or committer of a commit: name, address, and the account that GitHub found."""

    name: str = ""
    address: str = ""
    account: Actor = Actor()


UNSIGNED = Signature()


@dataclass(frozen=True)
class TeamMarks:
    """A team's own marks by tool, the tools that it ignores, and accounts that it calls bots."""

    logins: Mapping[str, str] = field(default_factory=dict)
    trailers: Mapping[str, str] = field(default_factory=dict)
    hashed_trailers: Mapping[str, str] = field(default_factory=dict)
    """The same trailers in their stored form: see `reduced`."""
    branches: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ignored_tools: frozenset[str] = frozenset()
    bots: frozenset[str] = frozenset()


def agent_of(account: Actor, team: TeamMarks | None = None) -> str | None:
    """The tool whose agent this account is; None for people, other bots and unknown accounts."""
    team = team or TeamMarks()
    login, known = bare(account.login), _agent(account)
    # An address may contain another login than the account has now.
    if login in team.bots or (known and known.login in team.bots):
        return None
    tool = team.logins.get(login) or (known.tool if known else None)
    return None if tool in team.ignored_tools else tool


def is_ai_reviewer(account: Actor, team: TeamMarks | None = None) -> bool:
    """Whether reviews by this account are an AI's."""
    team = team or TeamMarks()
    known = _reviewer(account)
    return bool(agent_of(account, team)) or bool(known and known.tool not in team.ignored_tools)


def is_person(account: Actor, team: TeamMarks | None = None) -> bool:
    """Whether a known account belongs to a person."""
    return not is_bot(account, team)


def is_bot(account: Actor, team: TeamMarks | None = None) -> bool:
    """Whether it is a program: by its type, as a known agent, or by the team's lists.

    An agent whose tool the team ignores is still no person.
    """
    team = team or TeamMarks()
    login = account.login or ""
    return (
        account.type == "Bot"
        or login.lower().endswith("[bot]")
        or bare(login) in team.bots
        or bare(login) in team.logins
        or _agent(account) is not None
    )


def agent_by_address(signature: Signature, team: TeamMarks) -> str | None:
    """The tool whose agent has this author's or committer's address."""
    return tool_of_address(signature.address, team)


def tool_of_signature(signature: Signature, team: TeamMarks) -> tuple[str, str] | None:
    """The tool of a commit's author or committer, and the mark that shows it."""
    if tool := agent_of(signature.account, team):
        return tool, signature.account.login or str(signature.account.id)
    if tool := agent_by_address(signature, team):
        return tool, signature.address
    named = (mark for mark in ai_marks.NAME_ENDINGS if signature.name.endswith(mark.text))
    return next(((mark.tool, mark.text.strip()) for mark in named), None)


def tool_of_address(address: str, team: TeamMarks) -> str | None:
    """The tool that an address belongs to."""
    if tool := tool_of_text(address.lower(), ai_marks.ADDRESSES):
        local, _, domain = address.lower().partition("@")
        is_bots = domain == "users.noreply.github.com" and bare(local) in team.bots
        return None if is_bots else tool
    account = noreply_account(address)
    if account is None or account.id is None:
        return None
    if account.id in ai_marks.NOREPLY_IDS:
        return ai_marks.NOREPLY_IDS[account.id][0]
    return agent_of(account, team)


def noreply_account(address: str) -> Actor | None:
    """The account in GitHub's `ID+LOGIN@users.noreply.github.com`."""
    match = _NOREPLY.fullmatch(address.lower())
    if match is None:
        return None
    login = address.partition("+")[2].partition("@")[0]
    return Actor(int(match[1]), login.removesuffix("[bot]"), "Bot" if "[bot]" in login else None)


def tool_of_text(text: str, marks: Iterable[ai_marks.Mark]) -> str | None:
    """The tool of the mark that equals this text."""
    return next((mark.tool for mark in marks if mark.text == text), None)


def bare(login: str | None) -> str:
    """A login in GraphQL's form: lower case, without REST's `[bot]`."""
    return (login or "").lower().removesuffix("[bot]")


def is_same(one: Actor, other: Actor) -> bool:
    """Whether both are the same account."""
    if one.id is not None and other.id is not None:
        return one.id == other.id
    return bool(one.login) and bare(one.login) == bare(other.login)


@lru_cache(maxsize=SOME)
def _agent(account: Actor) -> Account | None:
    return _entry_of(account, ai_marks.AGENTS)


@lru_cache(maxsize=SOME)
def _reviewer(account: Actor) -> Account | None:
    return _entry_of(account, ai_marks.REVIEWERS)


def _entry_of(account: Actor, known: Iterable[Account]) -> Account | None:
    return next((entry for entry in known if _fits(account, entry)), None)


def _fits(account: Actor, entry: Account) -> bool:
    """Compares ids if both have one, else login and type."""
    if account.id is not None and entry.id is not None:
        return account.id == entry.id
    has_type = account.type is None or account.type == entry.type
    return has_type and bool(account.login) and bare(account.login) == entry.login
