"""Whom a commit's message names as co-authors, and the accounts that their addresses lead to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .world import Account, World

_TRAILER = re.compile(
    r"^co-authored-by:\s*(?P<name>[^<\n]*?)\s*<(?P<email>[^>\n]*)>", re.IGNORECASE | re.MULTILINE
)
_NOREPLY = re.compile(
    r"(?:(?P<id>\d+)\+)?(?P<login>[\w-]+)(?:\[bot\])?@users\.noreply\.github\.com"
)


@dataclass(frozen=True)
class Coauthor:
    name: str
    email: str
    account: Account | None


def coauthors(world: World, message: str) -> list[Coauthor]:
    """In the order of the lines."""
    return [
        Coauthor(found["name"], found["email"], account_of(world, found["email"]))
        for found in _TRAILER.finditer(message)
    ]


def account_of(world: World, email: str) -> Account | None:
    """Whose address that is, as far as GitHub knows."""
    if found := _NOREPLY.fullmatch(email):
        number = found["id"]
        return world.accounts.get(int(number)) if number else world.account(found["login"])
    wanted = email.casefold()
    known = (each for each in world.accounts.values() if each.knows(wanted))
    return next(known, None)
