"""Searching pull requests: words, numbers, addresses."""

from __future__ import annotations

import re

from django.db.models import Q

from apps.metrics.filters.titles import TitleHas, words
from apps.metrics.models import PullRequest
from apps.teams.models import Team

_NUMBER = re.compile(r"#?(\d{1,9})")
_ADDRESS = re.compile(
    r"(?:https?://[^/]+/)?([\w.-]+/[\w.-]+(?:@\d+)?)(?:#|/pull/)(\d{1,9})(?:[/?#].*)?"
)


def condition(text: str) -> Q:
    """Pull requests with every word of a text in the title, or as their number or address.

    `12` and `#12` are numbers; `acme/web#12` and the URLs of GitHub's pages are addresses.
    """
    found = Q()
    for word in words(text):
        found &= _condition(word)
    return found


def addressed(team: Team, text: str) -> PullRequest | None:
    """The pull request whose address a text is, if it is stored."""
    address = _ADDRESS.fullmatch(text)
    rows = PullRequest.objects.for_team(team).select_related("repository")
    found: PullRequest | None
    found = rows.filter(_at(address)).order_by("-fetched_at", "-pk").first() if address else None
    return found


def _condition(word: str) -> Q:
    found = Q(TitleHas(word))
    if number := _NUMBER.fullmatch(word):
        return found | Q(number=int(number[1]))
    address = _ADDRESS.fullmatch(word)
    return found | _at(address) if address else found


def _at(address: re.Match[str]) -> Q:
    return Q(repository__full_name__iexact=address[1], number=int(address[2]))
