"""Stores fetched pull requests; one that cannot be stored is set aside and stops nothing."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from django.db import DataError, IntegrityError, transaction

from apps.integrations.github.missing_fields import all_missing_fields
from apps.integrations.github.pull_requests import Batch, Spoilt
from apps.integrations.github.records import PullRequest
from apps.integrations.models import TrackedRepository
from apps.integrations.storing import ingest
from apps.integrations.sync import stale


def store(tracked: TrackedRepository, batch: Batch, now: datetime) -> set[int]:
    """Stores a batch; a pull request that cannot be stored is set aside and stops no others.

    Returns the numbers set aside; not the ids, which GitHub has in two formats.
    """
    spoilt = list(batch.spoilt)
    try:
        with transaction.atomic():
            ingest.pull_requests(tracked.repository, batch.pull_requests, now)
    except (DataError, IntegrityError, ValueError, OverflowError):
        spoilt += _store_one_by_one(tracked, batch, now)
    aside = {item.number for item in spoilt}
    again = [
        each
        for each in batch.pull_requests
        if each.number not in aside and all_missing_fields(each)
    ]
    marked: list[Spoilt | PullRequest] = [*spoilt, *again]
    for item in sorted(marked, key=attrgetter("number")):  # in the order of other transactions
        stale.set_aside(tracked, item, now)
    return aside


def _store_one_by_one(tracked: TrackedRepository, batch: Batch, now: datetime) -> list[Spoilt]:
    spoilt = []
    for record in batch.pull_requests:
        try:
            with transaction.atomic():
                ingest.pull_requests(tracked.repository, [record], now)
        except (DataError, IntegrityError, ValueError, OverflowError) as error:
            spoilt.append(Spoilt(record.id, record.number, str(error), record.updated_at))
    return spoilt
