"""The co-authors named in a commit's message, and the accounts of their addresses."""

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
    """In the order of the trailers."""
    return [
        Coauthor(found["name"], found["email"], account_of(world, found["email"]))
        for found in _TRAILER.finditer(message)
    ]


def account_of(world: World, email: str) -> Account | None:
    """The account with this address, as far as GitHub knows."""
    if found := _NOREPLY.fullmatch(email):
        number = found["id"]
        return world.accounts.get(int(number)) if number else world.account(found["login"])
    wanted = email.casefold()
    known = (each for each in world.accounts.values() if each.knows(wanted))
    return next(known, None)
