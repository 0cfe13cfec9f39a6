"""Sentences of the repositories page while some are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.integrations.repositories.estimate import Estimate
from apps.teams.wording import counted, listed

MOST_NAMED = 8
HELP = SafeString("<code>*</code> stands for any text. Separate several patterns by spaces.")


def matching(patterns: Sequence[str], found: Sequence[str], cost: Estimate) -> str:
    """How many repositories the patterns match, and what fetching them costs."""
    if not patterns:
        return HELP
    if not found:
        return "No repository matches."
    verb = "matches" if len(found) == 1 else "match"
    count, names = f"{len(found):,}", listed(found, MOST_NAMED)
    return format_html("<strong>{}</strong> {}: {}. {}", count, verb, names, _takes(cost))


def _takes(cost: Estimate) -> str:
    if not cost.points:
        return ""
    what = counted(cost.pull_requests, "pull request")
    minutes = counted(cost.minutes, "minute")
    points = counted(cost.points, "point")
    text = f"Fetching {what} takes {points} of the GitHub rate limit and about {minutes}"
    if cost.unknown:
        unknown = counted(cost.unknown, "repository is", "repositories are")
        return f"{text}; {unknown} not counted yet."
    return f"{text}."
