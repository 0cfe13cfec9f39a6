"""Sentences of the sync page: overall progress, and the status of repositories and runs."""

from __future__ import annotations

from django.utils.html import format_html

from apps.integrations.models import SyncRun, SyncStatus
from apps.integrations.sync.progress import Progress, RepositoryProgress
from apps.teams.templatetags.display import day, instant
from apps.teams.wording import Status, counted

RUNS = {
    SyncStatus.COMPLETE: Status("Complete", "good"),
    SyncStatus.ERROR: Status("Incomplete", "bad"),
}
HEADLINES = {
    SyncStatus.COMPLETE: "Up to date",
    SyncStatus.WAITING: "Waiting",
    SyncStatus.PENDING: "Queued",
}


def headline(progress: Progress) -> str:
    """The status of the whole sync."""
    if progress.status == SyncStatus.ERROR:
        repositories = counted(len(progress.repositories), "repository", "repositories")
        return f"{len(progress.failed):,} of {repositories} stopped"
    text = HEADLINES.get(SyncStatus(progress.status), "Fetching from GitHub")
    if progress.since and progress.status == SyncStatus.COMPLETE:
        return f"{text} since {progress.since:%-d %b %Y}"
    return text


def of_start(*, is_complete: bool) -> str:
    """What a sync requested by a user does."""
    if is_complete:
        return "Everything is here already; what changed since the last check is being fetched."
    return "The sync continues where it stopped, and fetches what has changed since."


def so_far(progress: Progress) -> str:
    """What is stored so far: pull requests, then repositories."""
    repositories = counted(len(progress.repositories), "repository", "repositories")
    return f"{_stored(progress)}, {progress.complete:,} of {repositories} up to date."


def _stored(progress: Progress) -> str:
    done = counted(progress.done, "pull request")
    if progress.status == SyncStatus.COMPLETE or progress.total == progress.done:
        return f"{done} stored"
    if progress.total is not None:
        return f"{progress.done:,} of {counted(progress.total, 'pull request')}"
    if progress.known_total:
        known = counted(progress.known_total, "pull request")
        return f"{progress.done:,} of at least {known}"
    return f"{done} so far"


def of_repository(row: RepositoryProgress) -> Status:
    """The status of one repository's sync."""
    if row.status == SyncStatus.ERROR:
        return Status("Stopped", "bad", row.error)
    if row.waiting_until:
        resumes = format_html("{} Resumes {}.", row.error, instant(row.waiting_until))
        return Status("Waiting", "warn", resumes)
    if row.status == SyncStatus.COMPLETE:
        return Status("Up to date", "good", _since_when(row))
    tone = "info" if row.status == SyncStatus.SYNCING else ""
    return Status(row.step, tone, _reached(row))


def _since_when(row: RepositoryProgress) -> str:
    checked = instant(row.last_sync_at)
    return format_html("{} {}", checked, row.remark) if row.remark else checked


def _reached(row: RepositoryProgress) -> str:
    if row.history_complete or not row.reached_at:
        return ""
    return format_html('<span class="muted small">back to {}</span>', day(row.reached_at))


def of_run(run: SyncRun) -> Status:
    """How a run ended, or that it has not."""
    return RUNS.get(SyncStatus(run.status), Status("Under way", "info"))
