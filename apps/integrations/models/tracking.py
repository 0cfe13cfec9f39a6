"""Tracked repositories, their progress, and what must be fetched or checked against GitHub."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from apps.integrations.encryption import EncryptedTextField
from apps.integrations.models.connections import GitHubIntegration, SyncStatus
from apps.integrations.models.hooks import Hook
from apps.metrics.models import Repository
from apps.teams.models import BaseTeamModel


class SyncRun(BaseTeamModel):
    """Why and when a sync ran, what it cost, and how it ended."""

    class Reason(models.TextChoices):
        FIRST = "first", "Repositories were chosen"
        MANUAL = "manual", "A member asked"
        SCHEDULE = "schedule", "The schedule"
        TERMINAL = "terminal", "The command line"

    reason = models.CharField(max_length=20, choices=Reason.choices)
    status = models.CharField(max_length=20, choices=SyncStatus.choices, default=SyncStatus.PENDING)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    pull_requests = models.PositiveIntegerField(default=0)
    points = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    waits = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.reason} {self.status}"


class TrackedRepository(BaseTeamModel):
    """A repository selected for tracking, and how far its sync has come.

    Changes with an `updatedAt` above `watermark` are left to the next walk from the top (`head_…`);
    everything between it and `reached_at` is stored; below that, `history_cursor` continues, down
    to the team's history window (then `history_floor`) or to the end (then `history_complete`).
    """

    integration = models.ForeignKey(
        GitHubIntegration, models.CASCADE, related_name="tracked_repositories"
    )
    repository = models.OneToOneField(Repository, models.CASCADE, related_name="tracking")
    github_repo_id = models.BigIntegerField()
    full_name = models.CharField(max_length=255)
    is_active = models.BooleanField(default=True)
    untracked_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it is not active, where that is known."
    )

    hook = models.ForeignKey(
        Hook, models.SET_NULL, null=True, blank=True, related_name="repositories"
    )
    hook_error = models.TextField(blank=True, help_text="Why there is none.")
    hook_due_at = models.DateTimeField(
        null=True, blank=True, default=timezone.now, help_text="When it is to be looked after."
    )

    run = models.ForeignKey(
        SyncRun, models.SET_NULL, null=True, blank=True, related_name="repositories"
    )
    status = models.CharField(max_length=20, choices=SyncStatus.choices, default=SyncStatus.PENDING)
    error = models.TextField(blank=True)
    is_permanent_error = models.BooleanField(default=False)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Null: nothing to do.")
    last_sync_at = models.DateTimeField(null=True, blank=True)
    served_at = models.DateTimeField(null=True, blank=True)

    watermark = models.DateTimeField(null=True, blank=True)
    wants_head = models.BooleanField(default=False, help_text="To be walked from the top.")
    head_cursor = models.CharField(max_length=500, blank=True)
    head_newest = models.DateTimeField(null=True, blank=True)
    history_cursor = models.CharField(max_length=500, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    history_floor = models.DateTimeField(
        null=True, blank=True, help_text="All that was updated since then is stored."
    )
    history_complete = models.BooleanField(default=False)
    page_size = models.PositiveSmallIntegerField(default=25)

    pull_requests_total = models.PositiveIntegerField(null=True)
    looks = models.PositiveSmallIntegerField(
        default=0, help_text="In a row, for what GitHub counts and does not show."
    )
    unshown = models.PositiveIntegerField(
        default=0, help_text="How many GitHub counts and never showed, after some looks."
    )
    points = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tracked repositories"
        constraints = [
            models.UniqueConstraint(fields=["team", "github_repo_id"], name="tracked_once_a_team")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["is_active", "due_at"])]

    lease_owner = ""
    """The worker that claimed the repository when this row was read."""

    def __str__(self) -> str:
        return self.full_name


class KeptPage(BaseTeamModel):
    """A page of a repository's history that was fetched and is not stored yet."""

    tracked = models.OneToOneField(TrackedRepository, models.CASCADE, related_name="kept_page")
    query = models.CharField(max_length=64, help_text="A digest of what it answers.")
    asked_at = models.DateTimeField()
    reply = EncryptedTextField(help_text="Compressed, in base 64.")

    def __str__(self) -> str:
        return f"{self.tracked} at {self.asked_at}"


class StalePullRequest(BaseTeamModel):
    """A pull request that must be fetched again, by its node id."""

    tracked = models.ForeignKey(TrackedRepository, models.CASCADE, related_name="stale")
    number = models.PositiveIntegerField()
    node_id = models.CharField(max_length=100)
    marked_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tracked", "number"], name="stale_once")]

    def __str__(self) -> str:
        return f"{self.tracked} #{self.number}"


class SpotCheck(BaseTeamModel):
    """A day's spot checks: how many fields were compared, and how many matched."""

    day = models.DateField()
    pull_requests = models.PositiveIntegerField(default=0)
    fields = models.PositiveIntegerField(default=0)
    different = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    differences = models.JSONField(default=list, help_text="The first of them, with both values.")
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "day"], name="one_check_a_day")]

    def __str__(self) -> str:
        return f"{self.team} {self.day}: {self.different} of {self.fields} differ"
