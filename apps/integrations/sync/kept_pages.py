"""A page of a history, kept from when it has come until it is stored.

It is written down before the page after it is asked for, so that a kill costs only what was on its
way. It has more than is stored for good, such as descriptions; so it is encrypted, gone when the
worker lets go of the repository, and an hour after a kill at the latest.
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
    """Keeps the page that follows what is stored, in place of the one before."""
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
    """The page that somebody left who was killed, if it answers what would be asked next."""
    rows = KeptPage.objects.filter(tracked=tracked, query=_next_query(github, tracked))
    try:
        kept = rows.filter(asked_at__gt=now - LONGEST).first()
    except EncryptionKeyError:
        return None  # It is asked for again.
    if kept is None:
        return None
    reply = zlib.decompress(base64.b64decode(kept.reply))
    return pull_requests.kept_page(github, reply, kept.asked_at)


def drop(tracked: TrackedRepository) -> None:
    """Deletes the page of a repository, if there is one."""
    KeptPage.objects.filter(tracked=tracked).delete()


def prune(now: datetime) -> None:
    """Deletes what nobody is going to take."""
    KeptPage.objects.filter(asked_at__lte=now - LONGEST).delete()


def _next_query(github: GitHub, tracked: TrackedRepository) -> str:
    return pull_requests.query_of(
        github, tracked.full_name, tracked.page_size, tracked.history_cursor
    )
