"""Repositories, pull requests, reviews and commits, as GitHub returns them.

Only `integrations.ingest` writes these rows. GitHub's identity (id, login, type) stays on each row,
next to the link to a `TeamMember`, which may be added later.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.metrics.models.people import TeamMember
from apps.teams.models import BaseTeamModel, Team


def team_of_large_table() -> models.ForeignKey[Team, Team]:
    """For large tables: every index costs time with every row that a sync stores."""
    return models.ForeignKey(Team, models.CASCADE, related_name="+", db_index=False)


class Repository(BaseTeamModel):
    """A repository whose pull requests are stored, whether it is still tracked or not."""

    github_repo_id = models.BigIntegerField()
    node_id = models.CharField(max_length=100, blank=True)
    full_name = models.CharField(max_length=255)
    default_branch = models.CharField(max_length=255, blank=True)
    is_private = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    url = models.URLField(max_length=500, blank=True)
    revision = models.PositiveBigIntegerField(
        default=0, help_text="Counts how often pull requests of it were stored or deleted."
    )
    fetched_at = models.DateTimeField(null=True, help_text="When any was stored last.")
    is_leaving = models.BooleanField(
        default=False, help_text="It is being deleted: no figure counts it any more."
    )

    class Meta:
        verbose_name_plural = "repositories"
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "github_repo_id"], name="repository_once_a_team"
            )
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def lost_its_name(self) -> bool:
        """Whether another repository has its name now: see `integrations.storing.names`."""
        return "@" in self.full_name


class PullRequest(BaseTeamModel):
    """A pull request, with GitHub's timestamps and the durations defined in METRICS."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"
        MERGED = "merged"

    class Size(models.TextChoices):
        XS = "XS"
        S = "S"
        M = "M"
        L = "L"
        XL = "XL"

    team = team_of_large_table()
    repository = models.ForeignKey(
        Repository, models.CASCADE, related_name="pull_requests", db_index=False
    )
    number = models.PositiveIntegerField()
    github_id = models.BigIntegerField(null=True)
    node_id = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    title = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices)
    is_draft = models.BooleanField(default=False)
    base_branch = models.CharField(max_length=255)
    head_branch = models.CharField(max_length=255)
    labels = models.JSONField(default=list)

    author = models.ForeignKey(TeamMember, models.SET_NULL, null=True, related_name="pull_requests")
    author_github_id = models.BigIntegerField(null=True)
    author_login = models.CharField(max_length=100, null=True)  # noqa: DJ001 null: deleted
    author_type = models.CharField(max_length=30, null=True)  # noqa: DJ001
    author_person = models.BigIntegerField(
        null=True, help_text="The main account, if this is another account of the same person."
    )
    merged_by_github_id = models.BigIntegerField(null=True)
    merged_by_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    merged_by_type = models.CharField(max_length=30, null=True)  # noqa: DJ001
    merge_commit_sha = models.CharField(max_length=64, blank=True)

    # Null if GitHub could not return it.
    additions = models.PositiveIntegerField(null=True)
    deletions = models.PositiveIntegerField(null=True)
    changed_files = models.PositiveIntegerField(null=True)
    commit_count = models.PositiveIntegerField(null=True)
    comment_count = models.PositiveIntegerField(null=True)

    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField(help_text="GitHub's updatedAt")
    closed_at = models.DateTimeField(null=True)
    merged_at = models.DateTimeField(null=True)
    first_commit_at = models.DateTimeField()
    last_commit_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    first_review_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)

    # Seconds; null if the stage did not happen or the pull request is not merged.
    cycle_time = models.BigIntegerField(null=True)
    coding_time = models.BigIntegerField(null=True)
    pickup_time = models.BigIntegerField(null=True)
    review_time = models.BigIntegerField(null=True)
    merge_time = models.BigIntegerField(null=True)
    time_to_merge = models.BigIntegerField(null=True)

    # The earliest over the repository's applications; see `production`.
    deployed_at = models.DateTimeField(null=True)
    deploy_time = models.BigIntegerField(null=True, help_text="Seconds since it was merged.")
    lead_time = models.BigIntegerField(
        null=True, help_text="Seconds from its first commit until it was deployed."
    )
    deployment = models.ForeignKey(
        "Deployment", models.SET_NULL, null=True, related_name="first_brought"
    )
    was_live_before = models.BooleanField(
        default=False, help_text="In production by the first known deployment: when is not known."
    )

    review_rounds = models.PositiveIntegerField(default=0)
    commits_after_first_review = models.PositiveIntegerField(default=0)
    reviewer_count = models.PositiveIntegerField(default=0)
    size = models.CharField(max_length=2, choices=Size.choices, null=True)  # noqa: DJ001

    is_bot = models.BooleanField(default=False)
    is_external = models.BooleanField(default=False)
    is_revert = models.BooleanField(default=False)
    is_hotfix = models.BooleanField(default=False)
    has_old_commit = models.BooleanField(default=False)
    is_excluded = models.BooleanField(
        default=False, help_text="By the team's patterns: the row stays, no figure counts it."
    )
    waiting_for = models.CharField(
        max_length=10,
        blank=True,
        choices=[
            ("draft", "draft"),
            ("review", "review"),
            ("author", "author"),
            ("merge", "merge"),
        ],
        help_text="What an open pull request waits for; empty: nobody was asked.",
    )
    waiting_since = models.DateTimeField(null=True, help_text="Since when, where it is open.")
    # Who wrote it: see METRICS.
    ai = models.CharField(  # noqa: DJ001 null: not known
        max_length=10,
        null=True,
        choices=[
            ("none", "people, no mark"),
            ("described", "described by AI"),
            ("assisted", "assisted"),
            ("agent", "an agent"),
        ],
    )
    ai_tools = models.JSONField(default=list)
    ai_evidence = models.JSONField(default=list)
    findings = models.JSONField(
        default=list, help_text="Each mark of AI: its kind, tool, weight and text, and its commit."
    )
    marks = models.JSONField(
        null=True,
        help_text="Description and merge message, reduced to marks of AI; null: never read.",
    )
    initiator = models.ForeignKey(
        TeamMember, models.SET_NULL, null=True, related_name="initiated", db_index=False
    )
    initiator_github_id = models.BigIntegerField(null=True)
    initiator_login = models.CharField(max_length=100, null=True)  # noqa: DJ001
    initiator_person = models.BigIntegerField(null=True, help_text="As the author's.")
    asks_initiator = models.BooleanField(
        default=False, help_text="It depends on an address whose account is not known yet."
    )
    first_ai_review_at = models.DateTimeField(null=True)
    ai_reviews = models.PositiveIntegerField(default=0)
    human_touched = models.BooleanField(null=True)
    # Taken from the body, which is not stored: what it says that it reverts.
    reverts_repository = models.CharField(max_length=255, blank=True)
    reverts_number = models.PositiveIntegerField(null=True)
    reverts = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="reverted_by", db_index=False
    )
    fetched_at = models.DateTimeField()
    missing_fields = models.JSONField(
        default=dict,
        help_text="What GitHub did not return, and whether a former value is kept for it.",
    )
    stored_revision = models.PositiveBigIntegerField(
        default=0, help_text="The repository's revision when anything of it was stored last."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "number"], name="number_once_a_repository"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "author_github_id"]),
            models.Index(fields=["team", "merge_commit_sha"]),
            models.Index(
                fields=["repository", "reverts_number"],
                name="pull_request_reverting",
                condition=models.Q(reverts_number__isnull=False),
            ),
            models.Index(fields=["team", "opened_at"]),
            models.Index(fields=["repository", "stored_revision"]),
            models.Index(
                fields=["team", "initiator_github_id"],
                name="pull_request_initiated",
                condition=models.Q(initiator_github_id__isnull=False),
            ),
            models.Index(
                fields=["initiator"],
                name="pull_request_of_initiator",
                condition=models.Q(initiator__isnull=False),
            ),
            # Few, and finally none.
            models.Index(
                fields=["repository", "opened_at"],
                name="pull_request_unread",
                condition=models.Q(marks__isnull=True),
            ),
            models.Index(
                fields=["repository"],
                name="pull_request_asking",
                condition=models.Q(asks_initiator=True),
            ),
            models.Index(
                fields=["reverts"],
                name="pull_request_reverted",
                condition=models.Q(reverts__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    @property
    def is_agents(self) -> bool:
        """Whether an agent wrote it: then its initiator counts as its author."""
        return self.ai == "agent"

    @property
    def counted_account(self) -> int | None:
        """Who counts as its author, by main account."""
        if self.is_agents:
            return self.initiator_person or self.initiator_github_id
        return self.author_person or self.author_github_id

    @property
    def counted_login(self) -> str:
        """The person's login: a member's from the main account."""
        member = self.initiator if self.is_agents else self.author
        login = self.initiator_login if self.is_agents else self.author_login
        return member.github_username if member else login or ""

    @property
    def lines(self) -> int | None:
        """How many were added and deleted, which decides its size."""
        if self.additions is None or self.deletions is None:
            return None
        return self.additions + self.deletions
