"""A team's own marks as lines: the text to look for, and the tool after an equals sign. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from apps.metrics.calculations.ai_accounts import TeamMarks, bare

UNNAMED = "own"
"""The tool of a line that names none."""
_SIGN = " = "


def read(lines: Iterable[str]) -> dict[str, str]:
    """Tools by the text to look for: `acme/ = acme`."""
    parts = (line.rpartition(_SIGN) if _SIGN in line else (line, "", "") for line in lines)
    found = {text.strip(): tool.strip().lower() or UNNAMED for text, _, tool in parts}
    return {text: tool for text, tool in found.items() if text}


def logins(lines: Iterable[str]) -> dict[str, str]:
    """The same for accounts, with normalised logins."""
    return {bare(text.removeprefix("@")): tool for text, tool in read(lines).items()}


def accounts(agents: Iterable[str], bots: Iterable[str]) -> TeamMarks:
    """The accounts that a team lists as agents or bots, without marks of other kinds."""
    return TeamMarks(logins=logins(agents), bots=frozenset(logins(bots)))
