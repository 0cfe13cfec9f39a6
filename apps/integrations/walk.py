"""Walks a repository's pull requests, newest change first: one page, one short transaction.

A step asks GitHub for one page, then stores rows, cursor and counters together. So a step that is
cut off anywhere leaves the repository as it was before, and the next one begins at the same cursor.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.integrations import ingest
from apps.integrations.github import limits, pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.pull_requests import Batch, Known, Spoilt, WalkPage
from apps.integrations.models import (
    StalePullRequest,
    SyncRun,
    TrackedRepository,
    WebhookDelivery,
)
from apps.teams.changes import hold

# What changed within GitHub's own second, or while its index lagged, is read again: the watermark
# stays this far behind the present, so that a later walk comes by once more.
OVERLAP = timedelta(minutes=5)
LEASE = timedelta(minutes=2)
RECENT = timedelta(days=30)
REFRESH_AT_ONCE = limits.LARGEST_PAGE
TRIES_OF_ONE = 3
RETRY_SPOILT = timedelta(minutes=10)


class LeaseLostError(Exception):
    """Another worker has taken the repository over; what this one fetched is dropped."""


@dataclass(frozen=True)
class Work:
    """A claimed repository and how far back its history is wanted; None: all of it."""

    tracked: TrackedRepository
    owner: str
    window_start: datetime | None

    def is_urgent(self, now: datetime) -> bool:
        """Whether it comes before anyone's history; `sync.due` says the same in SQL."""
        reached = self.tracked.reached_at
        return self.tracked.wants_head or reached is None or reached > now - RECENT

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


def step(github: GitHub, work: Work, now: datetime, may_go_ahead: Callable[[], bool]) -> bool:
    """Does the next thing for a repository; False when there is nothing left to do.

    `may_go_ahead` tells whether the page after this one may be asked for already.
    """
    if github.is_ahead or work.tracked.history_page:
        # Paid already; and whatever is fetched from now on is newer.
        _walk_history(github, work, now, may_go_ahead)
    elif stale := _stale(work.tracked, now):
        _refresh(github, work, stale, now)
    elif work.wants_head:
        _walk_head(github, work, now)
    elif work.wants_history:
        _walk_history(github, work, now, may_go_ahead)
    else:
        return False
    return True


def is_live(work: Work, now: datetime) -> bool:
    """Whether the next step is a refresh, which may draw on the budget's reserve."""
    return bool(_stale(work.tracked, now))


def _stale(tracked: TrackedRepository, now: datetime) -> list[StalePullRequest]:
    due = StalePullRequest.objects.filter(tracked=tracked, due_at__lte=now)
    # Where the server found pages too heavy, asking for many at once would fail as well.
    at_once = min(REFRESH_AT_ONCE, 2 * tracked.page_size - 1)
    rows = list(due.order_by("attempts", "marked_at")[:at_once])
    # One that failed before is asked for alone, so that it spoils no other.
    return [row for row in rows if not row.attempts] or rows[:1]


def _refresh(github: GitHub, work: Work, stale: Sequence[StalePullRequest], now: datetime) -> None:
    batch = _by_ids(github, work.tracked, stale, now)
    batch.spoilt += [
        Spoilt(row.node_id, row.number, reason, now)
        for row in stale
        if (reason := batch.withheld.get(row.node_id))
    ]
    changes = {"page_size": limits.larger(work.tracked.page_size), "failures": 0}
    with transaction.atomic():
        _save(work, github, changes)
        spoilt = _store(work.tracked, batch, now)
        # A mark that was renewed while we fetched stays: its row has a later `marked_at`.
        done = [
            row.number
            for row in sorted(stale, key=attrgetter("number"))
            if row.number not in spoilt
            and StalePullRequest.objects.filter(pk=row.pk, marked_at=row.marked_at).delete()[0]
        ]
        _make_visible(work.tracked, done)
        _count_in_run(work, github, pull_requests=len(batch.pull_requests))


def _by_ids(
    github: GitHub, tracked: TrackedRepository, stale: Sequence[StalePullRequest], now: datetime
) -> Batch:
    try:
        return pull_requests.by_ids(github, [row.node_id for row in stale])
    except GitHubError as error:
        row = stale[0]
        was_tried = row.attempts or tracked.failures >= TRIES_OF_ONE
        if not error.is_heavy or len(stale) > 1 or not was_tried:
            raise
        return Batch(spoilt=[Spoilt(row.node_id, row.number, error.message, now)])


def _make_visible(tracked: TrackedRepository, numbers: list[int]) -> None:
    """Notes for the deliveries that led here when their rows could be seen."""
    installation = tracked.integration.credential.installation_id
    if tracked.hook_id or installation:
        by_app = Q(hook__app_id__isnull=False, installation_id=installation)
        WebhookDelivery.objects.filter(
            by_app if installation else Q(hook_id=tracked.hook_id),
            github_repo_id=tracked.github_repo_id,
            number__in=numbers,
            state=WebhookDelivery.State.HANDLED,
            visible_at__isnull=True,
        ).update(visible_at=datetime.now(UTC))


def _walk_head(github: GitHub, work: Work, now: datetime) -> None:
    """A page from the top down to the watermark, which rises when the walk is whole."""
    tracked = work.tracked
    page = _fetch(github, tracked, tracked.head_cursor)
    newest = tracked.head_newest if tracked.head_cursor else settled(page.instants, now)
    changes: dict[str, Any] = {"head_cursor": page.end_cursor or "", "head_newest": newest}
    if not page.has_next or reaches(page.instants, tracked.watermark):
        raised = max(filter(None, (tracked.watermark, newest)))
        changes = {
            "head_cursor": "",
            "head_newest": None,
            "watermark": raised,
            "wants_head": False,
        }
    # What the team does not want, or no longer keeps, may share a page with what it does.
    _cut(page.batch, work.window_start)
    _store_page(github, work, page, changes, now)


def _walk_history(
    github: GitHub, work: Work, now: datetime, may_go_ahead: Callable[[], bool]
) -> None:
    """A page further down; the first of all sets the watermark to where the walk began."""
    tracked = work.tracked
    page = _kept(github, tracked) or _fetch(github, tracked, tracked.history_cursor)
    begun: dict[str, Any] = {}
    if tracked.watermark is None:
        begun = {"watermark": settled(page.instants, now), "wants_head": False}
    changes: dict[str, Any] = {"history_page": None, **begun}
    if _cut(page.batch, work.window_start):
        # Whoever widens the window later begins with this page once more.
        changes["history_floor"] = work.window_start
    else:
        changes["history_cursor"] = page.end_cursor or tracked.history_cursor
        changes["history_complete"] = not page.has_next
    if page.instants:
        changes["reached_at"] = min(page.instants)
    if page.reply and _is_followed(work, page, changes, now) and may_go_ahead():
        _go_ahead(github, work, page, begun)
    _store_page(github, work, page, changes, now)


def _is_followed(work: Work, page: WalkPage, changes: dict[str, Any], now: datetime) -> bool:
    """Whether the page after this one is next, so that it may be asked for already."""
    if not page.has_next or "history_floor" in changes:
        return False
    reached = changes.get("reached_at", now)
    lets_others_go_first = work.is_urgent(now) and reached <= now - RECENT
    return not lets_others_go_first and not is_live(work, now)


def _go_ahead(github: GitHub, work: Work, page: WalkPage, begun: dict[str, Any]) -> None:
    """Asks for the page after this one, so that GitHub works on it while this one is stored.

    This one is kept before, as it came and with what is true of the moment when it did: whoever is
    killed loses only what is on its way.
    """
    tracked = work.tracked
    kept = zlib.compress(page.reply, level=1)
    if not _held(work).update(history_page=kept, **begun):
        raise LeaseLostError
    known = Known(page.repository.name_with_owner, page.repository.id, tracked.github_repo_id)
    size = limits.larger(tracked.page_size)
    pull_requests.walk_ahead(github, known, size, page.end_cursor or "")


def _kept(github: GitHub, tracked: TrackedRepository) -> WalkPage | None:
    if tracked.history_page is None:
        return None
    return pull_requests.walked(github, zlib.decompress(tracked.history_page))


def _fetch(github: GitHub, tracked: TrackedRepository, cursor: str) -> WalkPage:
    repository = tracked.repository
    known = Known(tracked.full_name, repository.node_id, repository.github_repo_id)
    if tracked.page_size == limits.SMALLEST_PAGE and tracked.failures >= TRIES_OF_ONE:
        # One that GitHub cannot tell at all is set aside, and the walk goes on behind it.
        return pull_requests.names(github, known, tracked.page_size, cursor)
    return pull_requests.walk(github, known, tracked.page_size, cursor)


def settled(instants: Sequence[datetime], now: datetime) -> datetime:
    """The watermark of a walk that began with these: nothing can appear below it any more."""
    return min(max(instants, default=now), now - OVERLAP)


def reaches(instants: Sequence[datetime], watermark: datetime | None) -> bool:
    """Whether a page comes down to what an earlier walk has read."""
    return watermark is not None and any(at <= watermark for at in instants)


def _cut(batch: Batch, start: datetime | None) -> bool:
    """Drops what changed before the history window; whether there was any."""
    if start is None:
        return False
    wanted = [record for record in batch.pull_requests if record.updated_at >= start]
    spoilt = [item for item in batch.spoilt if item.updated_at >= start]
    was_cut = len(wanted) + len(spoilt) < len(batch.pull_requests) + len(batch.spoilt)
    batch.pull_requests, batch.spoilt = wanted, spoilt
    return was_cut


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
    is_changed = ingest.differs(work.tracked.repository, page.repository)
    with transaction.atomic():
        if is_changed:
            hold(work.tracked.team_id)
        _save(work, github, changes)
        if is_changed:
            work.tracked.repository = ingest.repository(work.tracked.team, page.repository)
        _store(work.tracked, page.batch, now)
        _count_in_run(work, github, pages=1, pull_requests=len(page.batch.pull_requests))


def _save(work: Work, github: GitHub, changes: dict[str, Any]) -> None:
    """Writes cursors and costs, if the lease is still ours; locks the row for the rest."""
    if not _held(work).update(**changes, **_cost(github)):
        raise LeaseLostError
    for name, value in changes.items():
        setattr(work.tracked, name, value)


def _held(work: Work) -> QuerySet[TrackedRepository]:
    """The repository's row, if its lease is still ours."""
    return TrackedRepository.objects.filter(
        pk=work.tracked.pk, lease_owner=work.owner, is_active=True
    )


def count(work: Work, github: GitHub) -> None:
    """Adds what was asked in vain to what the repository and its run have cost."""
    TrackedRepository.objects.filter(pk=work.tracked.pk).update(**_cost(github))
    _count_in_run(work, github)


def _count_in_run(work: Work, github: GitHub, **done: int) -> None:
    """The run's row is shared by all workers, so this comes last in a transaction."""
    if work.tracked.run_id:
        more = {name: F(name) + number for name, number in done.items()}
        # What comes by itself after a run has ended is none of its.
        under_way = SyncRun.objects.filter(pk=work.tracked.run_id, finished_at=None)
        under_way.update(**_cost(github), **more)
    github.usage.points = github.usage.requests = 0


def _cost(github: GitHub) -> dict[str, Any]:
    usage = github.usage
    return {"points": F("points") + usage.points, "requests": F("requests") + usage.requests}


def _store(tracked: TrackedRepository, batch: Batch, now: datetime) -> set[int]:
    """Stores a batch; a pull request that cannot be stored is set aside and stops nothing.

    Returns the numbers of those that were set aside: one has ids of two formats.
    """
    spoilt = list(batch.spoilt)
    try:
        with transaction.atomic():
            ingest.pull_requests(tracked.repository, batch.pull_requests, now)
    except (DataError, IntegrityError, ValueError, OverflowError):
        spoilt += _store_one_by_one(tracked, batch, now)
    for item in sorted(spoilt, key=attrgetter("number")):  # as another transaction may
        _set_aside(tracked, item, now)
    return {item.number for item in spoilt}


def _store_one_by_one(tracked: TrackedRepository, batch: Batch, now: datetime) -> list[Spoilt]:
    spoilt = []
    for record in batch.pull_requests:
        try:
            with transaction.atomic():
                ingest.pull_requests(tracked.repository, [record], now)
        except (DataError, IntegrityError, ValueError, OverflowError) as error:
            spoilt.append(Spoilt(record.id, record.number, str(error), record.updated_at))
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
