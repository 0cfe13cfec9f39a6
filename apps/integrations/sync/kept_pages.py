"""A page of history, stored from its arrival until it is processed.

It is stored before the page after it is requested, so that a kill costs only the request in flight.
It holds more than is stored for good, such as descriptions; so it is encrypted, and deleted when
the worker releases the repository, or an hour after a kill at the latest.
"""

from __future__ import annotations

import base64
import zlib
from datetime import datetime, timedelta

from apps.encryption import EncryptionKeyError
from apps.integrations.github import pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.pull_requests import WalkPage
from apps.integrations.models import KeptPage, TrackedRepository

LONGEST = timedelta(hours=1)


def keep(github: GitHub, tracked: TrackedRepository, page: WalkPage) -> None:
    """Stores the page that follows what is stored, replacing the one before."""
    kept = KeptPage(
        team_id=tracked.team_id,
        tracked=tracked,
        query=_next_query(github, tracked),
        asked_at=page.asked_at,
        reply=base64.b64encode(zlib.compress(page.reply, level=1)).decode(),
    )
    KeptPage.objects.bulk_create(
        [kept],
        update_conflicts=True,
        unique_fields=["tracked"],
        update_fields=["query", "asked_at", "reply"],
    )


def take(github: GitHub, tracked: TrackedRepository, now: datetime) -> WalkPage | None:
    """The page left by a killed worker, if it answers the next request."""
    rows = KeptPage.objects.filter(tracked=tracked, query=_next_query(github, tracked))
    try:
        kept = rows.filter(asked_at__gt=now - LONGEST).first()
    except EncryptionKeyError:
        return None  # It is fetched again.
    if kept is None:
        return None
    reply = zlib.decompress(base64.b64decode(kept.reply))
    return pull_requests.kept_page(github, reply, kept.asked_at)


def drop(tracked: TrackedRepository) -> None:
    """Deletes a repository's page, if there is one."""
    KeptPage.objects.filter(tracked=tracked).delete()


def prune(now: datetime) -> None:
    """Deletes pages that no worker will take."""
    KeptPage.objects.filter(asked_at__lte=now - LONGEST).delete()


def _next_query(github: GitHub, tracked: TrackedRepository) -> str:
    return pull_requests.query_of(
        github, tracked.full_name, tracked.page_size, tracked.history_cursor
    )
