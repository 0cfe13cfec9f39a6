"""Which repositories a team tracks: chosen by name, by pattern, or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    SyncRun,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.nudge import nudge
from apps.integrations.storing import ingest_people
from apps.integrations.sync import schedule
from apps.metrics.calculations import globs
from apps.teams.models import Team

MOST_PATTERNS = 50
LONGEST_PATTERN = 255


@dataclass(frozen=True)
class Selection:
    """What a user asks to track; `track_new` later adds new repositories that match."""

    names: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)
    everything: bool = False
    track_new: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected."""
        return not (self.names or self.patterns or self.everything)


class UnknownRepositoriesError(Exception):
    """Names that are not visible to the team's connection."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"GitHub does not show {', '.join(names)} to this team's connection.")
        self.names = names


class PatternsError(Exception):
    """More patterns, or longer ones, than may be stored."""


def patterns_in(text: str) -> list[str]:
    """The patterns in a text, separated by commas or spaces. Raises PatternsError."""
    found = text.replace(",", " ").split()
    if len(found) > MOST_PATTERNS:
        raise PatternsError(f"These are {len(found)} patterns; at most {MOST_PATTERNS} are kept.")
    if any(len(pattern) > LONGEST_PATTERN for pattern in found):
        raise PatternsError(f"A pattern can have at most {LONGEST_PATTERN} characters.")
    return found


def available(team: Team) -> QuerySet[AvailableRepository]:
    """What the team can choose from."""
    found = AvailableRepository.objects.for_team(team)
    return found.filter(integration__disconnected_at=None)


def matches(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that match a pattern such as `acme/*-service`, ignoring case.

    A pattern without a slash is compared with the name without its owner.
    """
    wanted = [pattern.strip() for pattern in patterns]
    return [name for name in names if any(_fits(pattern, name) for pattern in wanted)]


def chosen(team: Team, selection: Selection) -> list[AvailableRepository]:
    """The listed repositories of a selection. Raises UnknownRepositoriesError."""
    listed = {row.full_name.lower(): row for row in available(team)}
    unknown = [name for name in selection.names if name.lower() not in listed]
    if unknown:
        raise UnknownRepositoriesError(unknown)
    if selection.everything:
        return _once(list(listed.values()))
    wanted = {name.lower() for name in selection.names}
    wanted.update(matches(listed, selection.patterns))
    return _once([row for name, row in listed.items() if name in wanted])


def _once(rows: Sequence[AvailableRepository]) -> list[AvailableRepository]:
    """Each repository as last listed: a moved one is also in its former account's list."""
    latest = {row.github_repo_id: row for row in sorted(rows, key=attrgetter("listed_at"))}
    return [row for row in rows if latest[row.github_repo_id] is row]


def select(team: Team, selection: Selection) -> list[AvailableRepository]:
    """Tracks a selection, and future matches if it says so. Raises like `chosen`."""
    rows = chosen(team, selection)
    with transaction.atomic():
        track(team, rows)
        if selection.track_new is not None:
            patterns = ["*"] if selection.everything else selection.patterns
            follow(team, patterns if selection.track_new else [])
    return rows


@transaction.atomic
def track(
    team: Team,
    rows: Sequence[AvailableRepository],
    reason: SyncRun.Reason = SyncRun.Reason.FIRST,
) -> list[TrackedRepository]:
    """Tracks listed repositories and begins their sync; stored data is kept.

    Returns those that were not tracked before.
    """
    ids = [row.github_repo_id for row in rows]
    mine = TrackedRepository.objects.for_team(team)
    active = set(mine.filter(is_active=True).values_list("github_repo_id", flat=True))
    fresh = [row for row in rows if row.github_repo_id not in active]
    if not fresh:
        return []
    repositories = ingest_people.repositories(team, fresh, settings.GITHUB_URL)
    TrackedRepository.objects.bulk_create(
        [
            TrackedRepository(
                team=team,
                integration_id=row.integration_id,
                repository=repositories[row.github_repo_id],
                github_repo_id=row.github_repo_id,
                full_name=row.full_name,
            )
            for row in fresh
        ],
        batch_size=ingest_people.BATCH,
        update_conflicts=True,
        unique_fields=["team", "github_repo_id"],
        update_fields=[
            *("integration", "full_name", "is_active", "untracked_at", "hook_due_at"),
            "modified_at",
        ],
    )
    begun = list(mine.filter(github_repo_id__in=ids).exclude(github_repo_id__in=active))
    schedule.begin(team, begun, reason)
    accounts = {row.integration_id for row in begun}
    GitHubIntegration.objects.filter(pk__in=accounts).update(production_due_at=None)
    return begun


def stop(team: Team, github_repo_id: int) -> TrackedRepository | None:
    """Stops tracking a repository; fetched data stays. None if it was not tracked."""
    mine = TrackedRepository.objects.for_team(team)
    row = mine.filter(github_repo_id=github_repo_id, is_active=True).first()
    if row is not None:
        stop_all(mine.filter(pk=row.pk))
    return row


@transaction.atomic
def stop_all(rows: QuerySet[TrackedRepository]) -> None:
    """Stops tracking repositories, and ends runs that have no others."""
    runs = set(rows.exclude(run=None).values_list("run", flat=True))
    rows.update(
        is_active=False,
        untracked_at=timezone.now(),
        due_at=None,
        hook_due_at=timezone.now(),  # to be removed, if no other team uses it
        run=None,
        status=SyncStatus.PENDING,
    )
    for run in runs:
        schedule.conclude(run)
    transaction.on_commit(nudge)


def track_new(integration: GitHubIntegration) -> list[TrackedRepository]:
    """Tracks new repositories that match the team's standing selection.

    A repository that the team stopped tracking is not added again.
    """
    if not integration.track_new:
        return []
    once_tracked = TrackedRepository.objects.for_team(integration.team).values("github_repo_id")
    rows = AvailableRepository.objects.filter(integration=integration).exclude(
        github_repo_id__in=once_tracked
    )
    names = set(matches((row.full_name for row in rows), integration.track_patterns))
    appeared = [row for row in rows if row.full_name in names]
    return track(integration.team, appeared, SyncRun.Reason.SCHEDULE)


def follow(team: Team, patterns: Sequence[str]) -> None:
    """Sets the patterns by which new repositories are tracked; without any, none are."""
    GitHubIntegration.objects.for_team(team).filter(disconnected_at=None).update(
        track_new=bool(patterns), track_patterns=list(patterns)
    )


def _fits(pattern: str, full_name: str) -> bool:
    return globs.fits(pattern, full_name if "/" in pattern else full_name.rpartition("/")[2])
