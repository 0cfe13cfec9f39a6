"""From merge to production: applications, deployments, and what each brought (METRICS).

Only `integrations.storing.production` writes these rows; a person's correction comes from
`integrations.storing.corrections`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.metrics.models.delivered import PullRequest, Repository
from apps.teams.models import BaseTeamModel


class Source(models.TextChoices):
    """The source of information on what reached production."""

    DEPLOYMENT = "deployment", "GitHub deployments"
    RELEASE = "release", "Releases"
    WORKFLOW = "workflow", "Runs of a workflow"
    MERGE = "merge", "Merges"


class Production(BaseTeamModel):
    """The source of a repository's deployments. A repository without a row was not asked yet."""

    repository = models.OneToOneField(Repository, models.CASCADE, related_name="production")
    source = models.CharField(
        max_length=10, blank=True, choices=Source.choices, help_text="Empty: none."
    )
    is_chosen = models.BooleanField(default=False, help_text="By an admin; else found by itself.")
    workflow = models.CharField(
        max_length=255, blank=True, help_text="Whose runs deploy, where that is the source."
    )
    tag_pattern = models.CharField(
        max_length=200, blank=True, help_text="Of releases that count; empty: all."
    )
    environments = models.JSONField(
        default=dict, help_text="How many deployments to each environment GitHub has told of."
    )
    workflows = models.JSONField(default=list, help_text="The names of workflows, once asked for.")
    not_granted = models.JSONField(
        default=list, help_text="Permissions that GitHub asks for: deployments, actions, contents."
    )
    is_complete = models.BooleanField(
        default=False, help_text="Whether the history of its source has been read to its end."
    )
    fetched_at = models.DateTimeField(null=True, help_text="When GitHub was asked last.")
    is_recount_due = models.BooleanField(default=False)
    recount_requests = models.PositiveBigIntegerField(
        default=0, help_text="How often that was asked for."
    )

    class Meta:
        verbose_name_plural = "productions"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["id"],
                name="production_to_recount",
                condition=models.Q(is_recount_due=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.repository}: {self.source or 'none'}"


class Application(BaseTeamModel):
    """A repository and an environment; for a source without environments, one for a repository.

    `environment` is GitHub's name of it, the workflow's name, "releases", or for merges the default
    branch's name. Rows of a former source stay, without `is_current`.
    """

    repository = models.ForeignKey(
        Repository, models.CASCADE, related_name="applications", db_index=False
    )
    source = models.CharField(max_length=10, choices=Source.choices)
    environment = models.CharField(max_length=255)
    is_current = models.BooleanField(
        default=True, help_text="Whether figures count it: its source and environment are chosen."
    )
    is_rooted = models.BooleanField(
        default=False, help_text="Whether all that its first deployment does not bring is known."
    )
    failures_from = models.DateTimeField(
        null=True,
        default=datetime(1970, 1, 1, tzinfo=UTC),
        help_text="Since when it is to be found out again what failed; null: nothing is.",
    )
    failure_requests = models.PositiveBigIntegerField(
        default=0, help_text="How often that was asked for."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "source", "environment"], name="application_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.repository} {self.environment}"


class Deployment(BaseTeamModel):
    """One deployment of a commit to production; listed even if it never succeeded.

    Its effect is known once it is counted (`sequence`). The frequency counts what succeeded, of a
    current application, and is no repeat, rollback or restore; the fail rate counts the same,
    without what could not be placed.
    """

    class Cause(models.TextChoices):
        ROLLBACK = "rollback", "A rollback took it out"
        REVERT = "revert", "What it brought was reverted"
        HOTFIX = "hotfix", "A hotfix followed"
        PERSON = "person", "A member marked it as failed"

    team = models.ForeignKey("teams.Team", models.CASCADE, related_name="+", db_index=False)
    application = models.ForeignKey(
        Application, models.CASCADE, related_name="deployments", db_index=False
    )
    node_id = models.CharField(
        max_length=100, help_text="GitHub's; of a workflow's run as well, of a merge the SHA."
    )
    sha = models.CharField(max_length=64)
    name = models.CharField(
        max_length=255, blank=True, help_text="The tag of a release, the number of a run."
    )
    url = models.URLField(max_length=500, blank=True)
    state = models.CharField(
        max_length=20, blank=True, help_text="GitHub's newest status, in small letters."
    )
    is_left_out = models.BooleanField(
        default=False, help_text="A release that is not the first of its commit, or not wanted."
    )
    is_withdrawn = models.BooleanField(
        default=False, help_text="A release that is a draft again, a prerelease, or gone."
    )
    listed_at = models.DateTimeField(
        null=True, help_text="When a list of releases had it last; of other sources null."
    )
    requested_at = models.DateTimeField(help_text="GitHub's createdAt")
    deployed_at = models.DateTimeField(null=True, help_text="Null: it never succeeded.")
    look_again_at = models.DateTimeField(
        null=True, help_text="When to ask for a status that may still come."
    )

    place = models.CharField(
        max_length=64,
        blank=True,
        help_text="Its commit on the default branch, else its merge base with it.",
    )
    is_unplaced = models.BooleanField(
        default=False, help_text="GitHub could not tell where it lies: it counts, no more."
    )
    sequence = models.PositiveIntegerField(
        null=True, help_text="Its place in the order of its application; null: not counted yet."
    )
    is_first = models.BooleanField(
        default=False, help_text="The first that was placed: what was before it is not known."
    )
    is_repeat = models.BooleanField(default=False)
    is_rollback = models.BooleanField(default=False)
    is_restore = models.BooleanField(default=False)
    took_out = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Of a rollback: the earliest that had brought what it took out.",
    )
    pull_requests = models.ManyToManyField(
        PullRequest, through="DeployedPullRequest", related_name="deployments"
    )

    # What the evidence says, and what applies: a person's correction takes precedence.
    found_cause = models.CharField(max_length=10, blank=True, choices=Cause.choices)
    mended_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="mended", db_index=False
    )
    evidence = models.ForeignKey(
        PullRequest,
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The revert or hotfix that mended it.",
    )
    marked_failed = models.BooleanField(null=True, help_text="What a person said; null: nobody.")
    mark_note = models.CharField(max_length=500, blank=True)
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    marked_at = models.DateTimeField(null=True)
    is_failed = models.BooleanField(default=False)
    failed_by = models.CharField(max_length=10, blank=True, choices=Cause.choices)
    recovered_at = models.DateTimeField(null=True)
    recovery_time = models.BigIntegerField(null=True, help_text="Seconds since it was deployed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "node_id"], name="deployment_once_an_application"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "deployed_at"]),
            models.Index(fields=["application", "deployed_at"]),
            models.Index(fields=["application", "sequence"]),
            # Few: the cost of a new deployment does not grow with those already counted.
            models.Index(
                fields=["application", "deployed_at"],
                name="deployment_to_count",
                condition=models.Q(sequence__isnull=True),
            ),
            models.Index(
                fields=["application", "sequence"],
                name="deployment_counts_no_more",
                condition=models.Q(sequence__isnull=False)
                & (models.Q(deployed_at__isnull=True) | models.Q(is_left_out=True)),
            ),
            models.Index(
                fields=["look_again_at"],
                name="deployment_to_look_at",
                condition=models.Q(look_again_at__isnull=False),
            ),
            models.Index(
                fields=["mended_by"],
                name="deployment_mended",
                condition=models.Q(mended_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.sha[:7]}"

    @property
    def is_counted(self) -> bool:
        """Whether it counts in the deployment frequency."""
        is_again = self.is_repeat or self.is_rollback or self.is_restore
        return self.sequence is not None and not is_again

    @property
    def is_judged(self) -> bool:
        """Whether it counts in the fail rate, too: it may have failed."""
        return self.is_counted and not self.is_unplaced


class DeployedPullRequest(models.Model):
    """Which pull requests a deployment brought."""

    deployment = models.ForeignKey(
        Deployment, models.CASCADE, related_name="brought", db_index=False
    )
    pull_request = models.ForeignKey(PullRequest, models.CASCADE, related_name="brought_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "pull_request"], name="pull_request_once_a_deployment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id}: {self.pull_request_id}"


class BranchCommit(models.Model):
    """A commit of a default branch, with its parents only."""

    repository = models.ForeignKey(
        Repository, models.CASCADE, related_name="branch_commits", db_index=False
    )
    sha = models.CharField(max_length=64)
    parents = models.TextField(blank=True, help_text="Their SHAs, in order, by spaces.")
    generation = models.PositiveIntegerField(
        null=True, help_text="One more than its highest parent's; null: not told yet."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["repository", "sha"], name="branch_commit_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["repository", "generation"])]

    def __str__(self) -> str:
        return self.sha[:7]


class BroughtCommit(models.Model):
    """Which deployment brought a commit to an application; null: up to the first one."""

    application = models.ForeignKey(
        Application, models.CASCADE, related_name="brought_commits", db_index=False
    )
    commit = models.ForeignKey(BranchCommit, models.CASCADE, related_name="brought")
    deployment = models.ForeignKey(
        Deployment, models.CASCADE, null=True, related_name="brought_commits"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "commit"], name="commit_brought_once")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.commit_id}"
