"""Which parts of GitHub's newer schema the server supports.

github.com supports all of it. An Enterprise Server may be years older; regular queries include the
question.
"""

from __future__ import annotations

from django.conf import settings

from apps.integrations.github.client import Addresses
from apps.integrations.github.documents import LATER_EVENTS, NONE
from apps.integrations.models import GitHubServer


def known_events() -> frozenset[str]:
    """The types of `LATER_EVENTS` that may be requested; none if the server has reported none."""
    if Addresses.of(settings.GITHUB_URL).rest == "https://api.github.com":
        return frozenset(LATER_EVENTS)
    row = GitHubServer.objects.filter(url=settings.GITHUB_URL).first()
    return frozenset(LATER_EVENTS).intersection(row.later_events) if row else NONE


def keep_events(found: frozenset[str]) -> None:
    """Stores what a response reported."""
    if found != known_events():
        GitHubServer.objects.update_or_create(
            url=settings.GITHUB_URL, defaults={"later_events": sorted(found)}
        )
