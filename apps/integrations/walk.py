"""Walks a repository's pull requests, newest change first: one page, one short transaction.

A step asks GitHub for one page, then stores rows, cursor and counters together. So a step that is
cut off anywhere leaves the repository as it was before, and the next one begins at the same cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.models import F

from apps.integrations import ingest
from apps.integrations.github import limits, pull_requests, records
from apps.integrations.github.client import GitHub
from apps.integrations.github.pull_requests import Batch, Spoilt, WalkPage
from apps.integrations.models import (
    StalePullRequest,
    SyncRun,
    TrackedRepository,
    WebhookDelivery,
)

# What changed within GitHub's own second, or while its index lagged, is read again.
OVERLAP = timedelta(minutes=5)
REFRESH_AT_ONCE = 50
RETRY_SPOILT = timedelta(minutes=10)


class LeaseLostError(Exception):
    """Another worker has taken the repository over; what this one fetched is dropped."""


@dataclass(frozen=True)
class Work:
    """A claimed repository and how far back its history is wanted; None: all of it."""

    tracked: TrackedRepository
    owner: str
    window_start: datetime | None

    @property
    def wants_head(self) -> bool:
        """Whether changes at the top are to be looked for."""
        return self.tracked.wants_head and self.tracked.watermark is not None

    @property
    def wants_history(self) -> bool:
        """Whether older pull requests are still missing."""
        tracked = self.tracked
        if tracked.history_complete:
            return False
        floor, start = tracked.history_floor, self.window_start
        return not (floor and start and start >= floor)


def step(github: GitHub, work: Work, now: datetime) -> bool:
    """Does the next thing for a repository; False when there is nothing left to do."""
    if stale := _stale(work.tracked, now):
        _refresh(github, work, stale, now)
    elif work.wants_head:
        _walk_head(github, work, now)
    elif work.wants_history:
        _walk_history(github, work, now)
    else:
        return False
    return True


def is_live(work: Work, now: datetime) -> bool:
    """Whether the next step is a refresh, which may draw on the budget's reserve."""
    return bool(_stale(work.tracked, now))


def _stale(tracked: TrackedRepository, now: datetime) -> list[StalePullRequest]:
    due = StalePullRequest.objects.filter(tracked=tracked, due_at__lte=now).order_by("marked_at")
    # Where the server found pages too heavy, asking for many at once would fail as well.
    return list(due[: min(REFRESH_AT_ONCE, 2 * tracked.page_size)])


def _refresh(github: GitHub, work: Work, stale: Sequence[StalePullRequest], now: datetime) -> None:
    batch = pull_requests.by_ids(github, [row.node_id for row in stale])
    fetched = {record.id for record in batch.pull_requests}
    spoilt = {item.id for item in batch.spoilt}
    with transaction.atomic():
        _save(work, {}, github, pages=0, stored=len(fetched))
        # A mark that was renewed while we fetched stays: its row has a later `marked_at`.
        for row in stale:
            if row.node_id not in spoilt:
                StalePullRequest.objects.filter(pk=row.pk, marked_at=row.marked_at).delete()
        _store(work.tracked, batch, now)
        _make_visible(work.tracked, [r.number for r in batch.pull_requests])


def _make_visible(tracked: TrackedRepository, numbers: list[int]) -> None:
    """Notes for the deliveries that led here when their rows could be seen."""
    if tracked.hook_id:
        WebhookDelivery.objects.filter(
            hook_id=tracked.hook_id,
            number__in=numbers,
            state=WebhookDelivery.State.HANDLED,
            visible_at__isnull=True,
        ).update(visible_at=datetime.now(UTC))


def _walk_head(github: GitHub, work: Work, now: datetime) -> None:
    """A page from the top down to the watermark, which rises when the walk is whole."""
    tracked = work.tracked
    page = _fetch(github, tracked, tracked.head_cursor)
    newest = tracked.head_newest if tracked.head_cursor else _newest(page)
    changes: dict[str, Any] = {"head_cursor": page.end_cursor or "", "head_newest": newest}
    if not page.has_next or _reaches(page, tracked.watermark):
        raised = max(filter(None, (tracked.watermark, newest)))
        changes = {
            "head_cursor": "",
            "head_newest": None,
            "watermark": raised,
            "wants_head": False,
        }
    _store_page(github, work, page, changes, now)


def _walk_history(github: GitHub, work: Work, now: datetime) -> None:
    """A page further down; the first of all sets the watermark to where the walk began."""
    tracked = work.tracked
    page = _fetch(github, tracked, tracked.history_cursor)
    changes: dict[str, Any] = {}
    if tracked.watermark is None:
        changes |= {"watermark": _newest(page) or now - OVERLAP, "wants_head": False}
    older = [r for r in page.batch.pull_requests if _is_older(r, work.window_start)]
    if older:
        # The page is cut: whoever widens the window later begins with it once more.
        page.batch.pull_requests = [r for r in page.batch.pull_requests if r not in older]
        changes["history_floor"] = work.window_start
    else:
        changes["history_cursor"] = page.end_cursor or tracked.history_cursor
        changes["history_complete"] = not page.has_next
    if page.batch.pull_requests:
        changes["reached_at"] = min(r.updated_at for r in page.batch.pull_requests)
    _store_page(github, work, page, changes, now)


def _fetch(github: GitHub, tracked: TrackedRepository, cursor: str) -> WalkPage:
    return pull_requests.walk(github, tracked.full_name, tracked.page_size, cursor)


def _newest(page: WalkPage) -> datetime | None:
    return max((record.updated_at for record in page.batch.pull_requests), default=None)


def _reaches(page: WalkPage, watermark: datetime | None) -> bool:
    limit = (watermark or datetime.max.replace(tzinfo=UTC)) - OVERLAP
    return any(record.updated_at < limit for record in page.batch.pull_requests)


def _is_older(record: records.PullRequest, start: datetime | None) -> bool:
    return start is not None and record.updated_at < start


def _store_page(
    github: GitHub, work: Work, page: WalkPage, changes: dict[str, Any], now: datetime
) -> None:
    changes = {
        **changes,
        "full_name": page.repository.name_with_owner,
        "pull_requests_total": page.total,
        "page_size": limits.larger(work.tracked.page_size),
        "failures": 0,
        "error": "",
    }
    with transaction.atomic():
        _save(work, changes, github, pages=1, stored=len(page.batch.pull_requests))
        ingest.repository(work.tracked.team, page.repository)
        _store(work.tracked, page.batch, now)


def _save(work: Work, changes: dict[str, Any], github: GitHub, *, pages: int, stored: int) -> None:
    """Writes cursor and counters, if the lease is still ours; locks the row for the rest."""
    tracked, usage = work.tracked, github.usage
    held = TrackedRepository.objects.filter(pk=tracked.pk, lease_owner=work.owner, is_active=True)
    if not held.update(
        **changes, points=F("points") + usage.points, requests=F("requests") + usage.requests
    ):
        raise LeaseLostError
    if tracked.run_id:
        SyncRun.objects.filter(pk=tracked.run_id).update(
            pages=F("pages") + pages,
            pull_requests=F("pull_requests") + stored,
            points=F("points") + usage.points,
            requests=F("requests") + usage.requests,
        )
    usage.points = usage.requests = 0
    for name, value in changes.items():
        setattr(tracked, name, value)


def _store(tracked: TrackedRepository, batch: Batch, now: datetime) -> None:
    """Stores a batch; a pull request that cannot be stored is set aside and stops nothing."""
    spoilt = list(batch.spoilt)
    try:
        with transaction.atomic():
            ingest.pull_requests(tracked.repository, batch.pull_requests, now)
    except (DataError, IntegrityError, ValueError, OverflowError):
        spoilt += _store_one_by_one(tracked, batch, now)
    for item in spoilt:
        _set_aside(tracked, item, now)


def _store_one_by_one(tracked: TrackedRepository, batch: Batch, now: datetime) -> list[Spoilt]:
    spoilt = []
    for record in batch.pull_requests:
        try:
            with transaction.atomic():
                ingest.pull_requests(tracked.repository, [record], now)
        except (DataError, IntegrityError, ValueError, OverflowError) as error:
            spoilt.append(Spoilt(record.id, record.number, str(error)))
    return spoilt


def _set_aside(tracked: TrackedRepository, item: Spoilt, now: datetime) -> None:
    row, _ = StalePullRequest.objects.get_or_create(
        tracked=tracked,
        number=item.number,
        defaults={"team": tracked.team, "node_id": item.id, "due_at": now},
    )
    row.attempts += 1
    row.error = item.reason
    row.due_at = now + RETRY_SPOILT * 2 ** min(row.attempts, 8)
    row.save()
