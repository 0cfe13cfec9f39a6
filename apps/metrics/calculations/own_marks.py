"""A team's own marks as lines: what is looked for, and the tool behind an equals sign. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from apps.metrics.calculations.ai_accounts import TeamMarks, bare

UNNAMED = "own"
"""The tool of a line that names none."""
_SIGN = " = "


def read(lines: Iterable[str]) -> dict[str, str]:
    """Tools by what is looked for: `acme/ = acme`."""
    parts = (line.rpartition(_SIGN) if _SIGN in line else (line, "", "") for line in lines)
    found = {text.strip(): tool.strip().lower() or UNNAMED for text, _, tool in parts}
    return {text: tool for text, tool in found.items() if text}


def logins(lines: Iterable[str]) -> dict[str, str]:
    """The same of accounts, as logins are compared."""
    return {bare(text.removeprefix("@")): tool for text, tool in read(lines).items()}


def accounts(agents: Iterable[str], bots: Iterable[str]) -> TeamMarks:
    """Which accounts are no people's by the team's lists, without marks of other kinds."""
    return TeamMarks(logins=logins(agents), bots=frozenset(logins(bots)))
