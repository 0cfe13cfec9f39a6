"""Children of pull requests: reviews, commits and events, as GitHub returns them.

Only `integrations.ingest` writes these rows, as those of pull requests.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Left

from apps.metrics.models.delivered import PullRequest, Repository, team_of_large_table
from apps.metrics.models.people import TeamMember
from apps.teams.models import BaseTeamModel


class PRReview(BaseTeamModel):
    """A submitted review, by anyone."""

    class State(models.TextChoices):
        APPROVED = "approved"
        CHANGES_REQUESTED = "changes_requested"
        COMMENTED = "commented"
        DISMISSED = "dismissed"

    team = team_of_large_table()
    pull_request = models.ForeignKey(
        PullRequest, models.CASCADE, related_name="reviews", db_index=False
    )
    github_id = models.BigIntegerField(null=True)
    node_id = models.CharField(max_length=100)
    reviewer = models.ForeignKey(TeamMember, models.SET_NULL, null=True, related_name="reviews")
    reviewer_github_id = models.BigIntegerField(null=True)
    reviewer_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    reviewer_type = models.CharField(max_length=30, null=True)  # noqa: DJ001
    reviewer_person = models.BigIntegerField(null=True, help_text="As a pull request's author's.")
    # Null if GitHub could not return it.
    state = models.CharField(max_length=20, choices=State.choices, null=True)  # noqa: DJ001
    submitted_at = models.DateTimeField(null=True)
    is_qualifying = models.BooleanField(
        default=False, help_text="By a person other than the author, in time: METRICS counts it."
    )
    is_ai = models.BooleanField(
        default=False,
        help_text="By an AI that is not the author, in time: counted apart.",
    )
    response_time = models.BigIntegerField(
        null=True, help_text="Seconds from the request, at a reviewer's first review that counts."
    )
    answer_time = models.BigIntegerField(
        null=True, help_text="Seconds until a commit followed, where it asked for changes."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pull_request", "node_id"], name="review_once_a_pull_request"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "submitted_at"]),
            models.Index(fields=["team", "reviewer_github_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.state} by {self.reviewer_login}"


class Commit(BaseTeamModel):
    """A commit; the same one can belong to several pull requests."""

    team = team_of_large_table()
    repository = models.ForeignKey(
        Repository, models.CASCADE, related_name="commits", db_index=False
    )
    sha = models.CharField(max_length=64)
    author = models.ForeignKey(TeamMember, models.SET_NULL, null=True, related_name="commits")
    author_github_id = models.BigIntegerField(null=True)
    author_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    # Null if GitHub could not return it.
    authored_at = models.DateTimeField(null=True)
    committed_at = models.DateTimeField(null=True)
    additions = models.PositiveIntegerField(null=True)
    deletions = models.PositiveIntegerField(null=True)
    message_headline = models.TextField(null=True)  # noqa: DJ001
    reverts_sha = models.CharField(max_length=64, null=True)  # noqa: DJ001 null: none
    marks = models.JSONField(
        null=True,
        help_text="Signatures and message, reduced to marks of AI; null: not read.",
    )
    pull_requests = models.ManyToManyField(
        PullRequest, through="PullRequestCommit", related_name="commits"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["repository", "sha"], name="commit_once_a_repository")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                "repository",
                Left("reverts_sha", 7),
                name="commit_reverting",
                condition=models.Q(reverts_sha__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.sha[:7]} {self.message_headline}"


class PullRequestCommit(models.Model):
    """Which commits a pull request has, in GitHub's order."""

    pull_request = models.ForeignKey(
        PullRequest, models.CASCADE, related_name="commit_links", db_index=False
    )
    commit = models.ForeignKey(Commit, models.CASCADE, related_name="pull_request_links")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pull_request", "commit"], name="commit_once_a_pull_request"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pull_request_id}: {self.commit_id}"


class TimelineEvent(BaseTeamModel):
    """An event between opening and merge that a figure depends on, or that a timeline shows."""

    class Kind(models.TextChoices):
        READY_FOR_REVIEW = "ready_for_review"
        CONVERT_TO_DRAFT = "convert_to_draft"
        REVIEW_REQUESTED = "review_requested"
        REVIEW_REQUEST_REMOVED = "review_request_removed"
        REVIEW_DISMISSED = "review_dismissed"
        HEAD_REF_FORCE_PUSHED = "head_ref_force_pushed"
        CLOSED = "closed"
        REOPENED = "reopened"
        MERGED = "merged"
        ADDED_TO_MERGE_QUEUE = "added_to_merge_queue"
        REMOVED_FROM_MERGE_QUEUE = "removed_from_merge_queue"
        AUTO_MERGE_ENABLED = "auto_merge_enabled"
        AUTO_MERGE_DISABLED = "auto_merge_disabled"
        BASE_REF_CHANGED = "base_ref_changed"

    team = team_of_large_table()
    pull_request = models.ForeignKey(
        PullRequest, models.CASCADE, related_name="timeline", db_index=False
    )
    node_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=30, choices=Kind.choices)
    at = models.DateTimeField()
    actor_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    actor_github_id = models.BigIntegerField(null=True)
    reviewer_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    reviewer_github_id = models.BigIntegerField(null=True)
    reviewer_type = models.CharField(max_length=30, null=True)  # noqa: DJ001 null: not told
    group_github_id = models.BigIntegerField(
        null=True, help_text="Of the team on GitHub that is asked for a review."
    )
    group_slug = models.CharField(max_length=255, blank=True)
    detail = models.CharField(
        max_length=600,
        default="",
        help_text="Why it left the queue or auto-merge ended; or former and new base by a tab.",
    )

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pull_request", "node_id"], name="event_once_a_pull_request"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Few are reopened or redrafted.
            models.Index(
                fields=["team", "pull_request"],
                name="event_turning",
                condition=models.Q(kind__in=["convert_to_draft", "reopened"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
