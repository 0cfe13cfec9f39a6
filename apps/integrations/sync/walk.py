"""Reads a repository's pull requests, newest change first: one page, one short transaction.

A step fetches one page, then stores rows, cursor and counters together. An interrupted step leaves
the repository as it was, and the next one begins at the same cursor. While a page of history is
stored, the next one is requested already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from apps.integrations.github import limits, pull_requests
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import CredentialsRejectedError, GitHubError, WaitError
from apps.integrations.github.missing_fields import all_missing_fields
from apps.integrations.github.pull_requests import Batch, Known, Spoilt, WalkPage
from apps.integrations.models import (
    StalePullRequest,
    SyncRun,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.storing import ingest
from apps.integrations.sync import batches, co_authors, counts, kept_pages, stale
from apps.integrations.sync.co_authors import Question
from apps.integrations.work import budget
from apps.integrations.work.leases import Claim, LeaseLostError
from apps.measures import SYNC_PAGES
from apps.teams.changes import lock_team

# Changes within GitHub's own second, or during a lag of its index, are read again: the watermark
# stays this far behind the present, so that a later walk covers them.
OVERLAP = timedelta(minutes=5)
RECENT = timedelta(days=30)
REFRESH_AT_ONCE = limits.LARGEST_PAGE
TRIES_OF_ONE = 3


@dataclass
class Work:
    """A claimed repository, how far back its history is wanted (None: all of it), and until when.

    `kept` is a page left by a killed worker.
    """

    tracked: TrackedRepository
    claim: Claim
    window_start: datetime | None
    ends: datetime
    kept: WalkPage | None = None
    missing: int | None = None
    """How many that GitHub counts are missing; None before that was checked."""
    open_there: int | None = None
    """How many were open on GitHub when the top was walked; None: not to be compared."""
    may_ask: bool = True
    """Whether GitHub returns the owners of addresses, as far as is known."""

    def __post_init__(self) -> None:
        self.was_urgent = self.is_urgent(datetime.now(UTC))

    def is_urgent(self, now: datetime) -> bool:
        """Whether it comes before anyone's history; `schedule` says the same in SQL."""
        reached = self.tracked.reached_at
        return self.tracked.wants_head or reached is None or reached > now - RECENT

    def is_over(self, now: datetime) -> bool:
        """Whether its turn is over: a walk in old history yields to walks in newer history."""
        return now >= self.ends or (self.was_urgent and not self.is_urgent(now))

    @property
    def wants_head(self) -> bool:
        """Whether to look for changes at the top."""
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
    """Does the next step for a repository; False if there is nothing left to do."""
    if is_paid(github, work):
        # It comes first: whatever is fetched from now on is newer.
        _walk_history(github, work, now)
    elif wanted := _stale(work.tracked, now):
        _refresh(github, work, wanted, now)
    elif work.wants_head:
        _walk_head(github, work, now)
    elif work.wants_history:
        _walk_history(github, work, now)
    elif work.may_ask and (question := co_authors.next_question(work.tracked)):
        _ask_co_authors(github, work, question)
    else:
        return _compare_count(github, work, now) or _compare_open(github, work, now)
    return True


def _ask_co_authors(github: GitHub, work: Work, question: Question) -> None:
    try:
        answer, is_complete = co_authors.ask(github, question)
    except (WaitError, CredentialsRejectedError):
        raise
    except GitHubError as error:
        # Everything else is stored: this does not make it incomplete.
        if error.retryable and not work.tracked.failures:
            raise
        work.may_ask = False
        return
    work.may_ask = is_complete
    with transaction.atomic():
        _save(work, github, {})
        co_authors.store(work.tracked, question, answer, is_complete=is_complete)
        _count_in_run(work, github)


def _compare_count(github: GitHub, work: Work, now: datetime) -> bool:
    """Looks once for what GitHub's lists did not show; returns whether there is more to do."""
    tracked = work.tracked
    if work.window_start or not tracked.history_complete:
        return False
    before, work.missing = work.missing, counts.missing(tracked)
    if not work.missing or before is not None:
        return False
    found = counts.find(github, tracked, work.missing)
    with transaction.atomic():
        _save(work, github, {})
        counts.mark(tracked, found, now)
        _count_in_run(work, github)
    return bool(found)


def _compare_open(github: GitHub, work: Work, now: datetime) -> bool:
    """Looks for those open only here or only on GitHub, if the counts differ."""
    tracked, there, work.open_there = work.tracked, work.open_there, None
    if there is None or not tracked.history_complete or counts.agrees(tracked, there):
        return False
    wanted = counts.otherwise_open(
        tracked, pull_requests.open_ones(github, tracked.repository.node_id)
    )
    with transaction.atomic():
        _save(work, github, {})
        stale.mark(tracked, wanted.items(), now)
        _count_in_run(work, github)
    return bool(wanted)


def is_paid(github: GitHub, work: Work) -> bool:
    """Whether the history's next page was requested already."""
    return github.is_ahead or work.kept is not None


def is_live(work: Work, now: datetime) -> bool:
    """Whether the next step is a refresh, which may use the budget's reserve."""
    return stale.is_any_due(work.tracked, now)


def _stale(tracked: TrackedRepository, now: datetime) -> list[StalePullRequest]:
    # If the server found pages too heavy, requesting many at once would fail as well.
    return stale.next_due(tracked, min(REFRESH_AT_ONCE, 2 * tracked.page_size - 1), now)


def _refresh(github: GitHub, work: Work, wanted: Sequence[StalePullRequest], now: datetime) -> None:
    batch = _by_ids(github, work.tracked, wanted, now)
    batch.spoilt += [
        Spoilt(row.node_id, row.number, reason, now)
        for row in wanted
        if (reason := batch.withheld.get(row.node_id))
    ]
    changes = {"page_size": limits.larger(work.tracked.page_size), "failures": 0}
    with transaction.atomic():
        _save(work, github, changes)
        SYNC_PAGES.inc()
        spoilt = batches.store(work.tracked, batch, now)
        kept = spoilt | {
            record.number for record in batch.pull_requests if all_missing_fields(record)
        }
        done = stale.settle(wanted, kept)
        _make_visible(work.tracked, done)
        _count_in_run(work, github, pull_requests=len(batch.pull_requests))


def _by_ids(
    github: GitHub, tracked: TrackedRepository, wanted: Sequence[StalePullRequest], now: datetime
) -> Batch:
    try:
        return pull_requests.by_ids(github, [row.node_id for row in wanted])
    except GitHubError as error:
        row = wanted[0]
        was_tried = row.attempts or tracked.failures >= TRIES_OF_ONE
        if not error.is_heavy or len(wanted) > 1 or not was_tried:
            raise
        return Batch(spoilt=[Spoilt(row.node_id, row.number, error.message, now)])


def _make_visible(tracked: TrackedRepository, numbers: list[int]) -> None:
    """Records, for the deliveries that caused a fetch, when their rows became visible."""
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
    """A page from the top down to the watermark, which rises when the walk is complete."""
    tracked = work.tracked
    page = _fetch(github, tracked, tracked.head_cursor, pull_requests.walk_top)
    work.open_there = None if work.window_start else page.open
    changes = _good_page_columns(tracked, page)
    newest = tracked.head_newest if tracked.head_cursor else settled(page.instants, now)
    if page.has_next and not reaches(page.instants, tracked.watermark):
        changes |= {"head_cursor": page.end_cursor or "", "head_newest": newest}
    else:
        raised = max(filter(None, (tracked.watermark, newest)))
        changes |= {
            "head_cursor": "",
            "head_newest": None,
            "watermark": raised,
            "wants_head": False,
        }
    # What the team does not want, or no longer keeps, may share a page with what it does.
    _cut(page.batch, work.window_start)
    _store_page(github, work, page, changes)


def _walk_history(github: GitHub, work: Work, now: datetime) -> None:
    """A page further down; the very first sets the watermark to where the walk began."""
    tracked = work.tracked
    page = work.kept or _fetch(github, tracked, tracked.history_cursor)
    work.kept = None
    changes = _good_page_columns(tracked, page)
    if tracked.watermark is None:
        changes |= {"watermark": settled(page.instants, page.asked_at), "wants_head": False}
    if _cut(page.batch, work.window_start):
        # A walk with a wider window begins with this page again.
        changes["history_floor"] = work.window_start
    else:
        changes["history_cursor"] = page.end_cursor or tracked.history_cursor
        changes["history_complete"] = not page.has_next
        if page.has_next and page.reply and _may_go_ahead(work, page, now):
            _go_ahead(github, tracked, page, changes)
    if page.instants:
        changes["reached_at"] = min(page.instants)
    _store_page(github, work, page, changes)


def _may_go_ahead(work: Work, page: WalkPage, now: datetime) -> bool:
    """Whether the following page is the next thing to request."""
    lets_others_go_first = work.was_urgent and min(page.instants, default=now) <= now - RECENT
    return not (
        now >= work.ends
        or lets_others_go_first
        or work.wants_head
        or is_live(work, now)
        or budget.wait_for(budget.account_of(work.tracked.integration.credential), now)
    )


def _go_ahead(
    github: GitHub, tracked: TrackedRepository, page: WalkPage, changes: dict[str, Any]
) -> None:
    """Requests the following page, so that GitHub works on it while this one is stored.

    This one is stored before: a killed worker loses only the response in flight.
    """
    kept_pages.keep(github, tracked, page)
    with suppress(GitHubError):  # The next step meets the error again, when this page is stored.
        pull_requests.walk_ahead(
            github, changes["full_name"], changes["page_size"], changes["history_cursor"]
        )


def _good_page_columns(tracked: TrackedRepository, page: WalkPage) -> dict[str, Any]:
    """The columns that any good page of a walk updates."""
    return {
        "full_name": page.repository.name_with_owner,
        "pull_requests_total": page.total,
        "page_size": limits.larger(tracked.page_size),
        "failures": 0,
        "error": "",
    }


def _fetch(
    github: GitHub,
    tracked: TrackedRepository,
    cursor: str,
    walk: Callable[[GitHub, Known, int, str], WalkPage] = pull_requests.walk,
) -> WalkPage:
    repository = tracked.repository
    known = Known(tracked.full_name, repository.node_id, repository.github_repo_id)
    if tracked.page_size == limits.SMALLEST_PAGE and tracked.failures >= TRIES_OF_ONE:
        # A pull request that GitHub cannot return is set aside, and the walk continues after it.
        return pull_requests.names(github, known, tracked.page_size, cursor)
    return walk(github, known, tracked.page_size, cursor)


def settled(instants: Sequence[datetime], now: datetime) -> datetime:
    """The watermark of a walk that began with these: nothing can appear below it any more."""
    return min(max(instants, default=now), now - OVERLAP)


def reaches(instants: Sequence[datetime], watermark: datetime | None) -> bool:
    """Whether a page reaches what an earlier walk has read."""
    return watermark is not None and any(at <= watermark for at in instants)


def _cut(batch: Batch, start: datetime | None) -> bool:
    """Drops what changed before the history window; returns whether there was any."""
    if start is None:
        return False
    wanted = [record for record in batch.pull_requests if (record.updated_at or start) >= start]
    spoilt = [item for item in batch.spoilt if (item.updated_at or start) >= start]
    was_cut = len(wanted) + len(spoilt) < len(batch.pull_requests) + len(batch.spoilt)
    batch.pull_requests, batch.spoilt = wanted, spoilt
    return was_cut


def _store_page(github: GitHub, work: Work, page: WalkPage, changes: dict[str, Any]) -> None:
    is_changed = ingest.differs(work.tracked.repository, page.repository)
    with transaction.atomic():
        if is_changed:
            lock_team(work.tracked.team_id)
        _save(work, github, changes)
        SYNC_PAGES.inc()
        if is_changed:
            work.tracked.repository = ingest.repository(work.tracked.team, page.repository)
        batches.store(work.tracked, page.batch, page.asked_at)
        _count_in_run(work, github, pages=1, pull_requests=len(page.batch.pull_requests))


def _save(work: Work, github: GitHub, changes: dict[str, Any]) -> None:
    """Stores cursors and costs, if the lease is still held, and renews it; locks the row."""
    work.claim.renew()
    tracked = work.tracked
    rows = TrackedRepository.objects.filter(pk=tracked.pk, is_active=True)
    if not rows.update(**changes, **cost(github)):
        raise LeaseLostError
    for name, value in changes.items():
        setattr(tracked, name, value)


def count(work: Work, github: GitHub) -> None:
    """Adds the cost of failed requests to the repository and its run."""
    TrackedRepository.objects.filter(pk=work.tracked.pk).update(**cost(github))
    _count_in_run(work, github)


def _count_in_run(work: Work, github: GitHub, **done: int) -> None:
    """All workers share the run's row, so this comes last in a transaction."""
    if work.tracked.run_id:
        more = {name: F(name) + number for name, number in done.items()}
        # Later automatic work is not part of a finished run.
        under_way = SyncRun.objects.filter(pk=work.tracked.run_id, finished_at=None)
        under_way.update(**cost(github), **more)
    github.usage.points = github.usage.requests = 0


def cost(github: GitHub) -> dict[str, Any]:
    """The cost since it was last counted, as column updates."""
    usage = github.usage
    return {"points": F("points") + usage.points, "requests": F("requests") + usage.requests}
