"""How far each repository's deployments have been read, and which are to be fetched again."""

from __future__ import annotations

from django.db import models

from apps.integrations.models.tracking import TrackedRepository
from apps.teams.models import BaseTeamModel


class ProductionWalk(BaseTeamModel):
    """What is still to be fetched about a tracked repository's deployments, and what is known.

    Lists are read from the newest down. `…_seen` is the fingerprint of the newest item when the
    last complete walk began, `…_next` that of the walk in progress.
    """

    tracked = models.OneToOneField(TrackedRepository, models.CASCADE, related_name="production")
    due_at = models.DateTimeField(null=True, db_index=True, help_text="Null: nothing to do.")
    error = models.TextField(blank=True)

    deployment_found = models.CharField(
        max_length=100, blank=True, help_text="The newest that a look found."
    )
    deployment_seen = models.CharField(max_length=100, blank=True)
    deployment_next = models.CharField(max_length=100, blank=True)
    deployments_cursor = models.CharField(max_length=500, blank=True)
    deployments_read = models.BooleanField(default=False, help_text="Once, to their end.")
    environments = models.JSONField(
        default=list, help_text="Those alone whose deployments are to be read again."
    )

    release_found = models.CharField(max_length=200, blank=True)
    release_seen = models.CharField(max_length=200, blank=True)
    release_next = models.CharField(max_length=200, blank=True)
    releases_cursor = models.CharField(max_length=500, blank=True)
    releases_read = models.BooleanField(default=False)
    releases_begun_at = models.DateTimeField(
        null=True, help_text="When the walk of the list began; null: GitHub left out something."
    )

    workflow_id = models.BigIntegerField(null=True)
    workflow_begun_at = models.DateTimeField(null=True, help_text="Older runs there are none.")
    runs_until = models.DateTimeField(null=True, help_text="Older runs are still to be read.")
    runs_hours = models.PositiveIntegerField(default=720, help_text="Of the next slice.")
    runs_read = models.BooleanField(default=False)
    runs_due_at = models.DateTimeField(null=True, help_text="When to look for newer ones.")
    runs_etag = models.CharField(max_length=200, blank=True)

    branch_start = models.CharField(max_length=64, blank=True, help_text="Where the walk began.")
    branch_cursor = models.CharField(max_length=500, blank=True)
    branch_tip_at = models.DateTimeField(null=True, help_text="When its tip was asked for last.")
    branch_floor = models.DateTimeField(null=True, help_text="The oldest commit that was read.")
    is_branch_whole = models.BooleanField(default=False, help_text="Read to its root.")

    page_size = models.PositiveSmallIntegerField(
        default=100, help_text="Of deployments and commits; smaller where GitHub took too long."
    )
    compare_failures = models.PositiveSmallIntegerField(
        default=0, help_text="How often GitHub failed to place the same commit."
    )

    points = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.tracked} to production"


class StaleDeployment(BaseTeamModel):
    """A deployment that a webhook reported, to be fetched by its node id."""

    tracked = models.ForeignKey(TrackedRepository, models.CASCADE, related_name="stale_deployments")
    node_id = models.CharField(max_length=100)
    marked_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tracked", "node_id"], name="stale_deployment_once")
        ]

    def __str__(self) -> str:
        return f"{self.tracked} {self.node_id}"
