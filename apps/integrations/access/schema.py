"""Which parts of GitHub's newer schema the GitHub that we talk to has.

github.com has all of it. An Enterprise Server may be years older; it is asked in passing, by
queries that are sent anyway.
"""

from __future__ import annotations

from django.conf import settings

from apps.integrations.github.client import Addresses
from apps.integrations.github.documents import LATER_EVENTS, NONE
from apps.integrations.models import GitHubServer


def known_events() -> frozenset[str]:
    """Types of `LATER_EVENTS` that may be asked for; none of a server that told nothing yet."""
    if Addresses.of(settings.GITHUB_URL).rest == "https://api.github.com":
        return frozenset(LATER_EVENTS)
    row = GitHubServer.objects.filter(url=settings.GITHUB_URL).first()
    return frozenset(LATER_EVENTS).intersection(row.later_events) if row else NONE


def keep_events(found: frozenset[str]) -> None:
    """Keeps what a reply told."""
    if found != known_events():
        GitHubServer.objects.update_or_create(
            url=settings.GITHUB_URL, defaults={"later_events": sorted(found)}
        )
