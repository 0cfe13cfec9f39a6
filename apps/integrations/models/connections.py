"""Credentials, organisations, repositories available for tracking, and GitHub's rate limits."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from apps.integrations.encryption import EncryptedTextField
from apps.metrics.models import TeamMember
from apps.teams.models import BaseTeamModel, Team


class SyncStatus(models.TextChoices):
    """The status of a sync of a repository, an organisation or a run."""

    PENDING = "pending"
    SYNCING = "syncing"
    WAITING = "waiting"
    COMPLETE = "complete"
    ERROR = "error"


class GitHubApp(models.Model):
    """The GitHub App of this installation, if made from its manifest: one for each host."""

    host = models.CharField(max_length=255, unique=True)
    app_id = models.BigIntegerField()
    slug = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    html_url = models.CharField(max_length=500, blank=True)
    owner_login = models.CharField(max_length=100, blank=True)
    client_id = models.CharField(max_length=100)
    client_secret = EncryptedTextField(blank=True)
    webhook_secret = EncryptedTextField(blank=True)
    private_key = EncryptedTextField(blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "GitHub App"

    def __str__(self) -> str:
        return f"{self.name} on {self.host}"


class IntegrationCredential(BaseTeamModel):
    """A credential for GitHub, encrypted at rest."""

    class Kind(models.TextChoices):
        OAUTH = "oauth", "OAuth"
        TOKEN = "token", "Personal access token"
        APP = "app", "GitHub App"
        ENVIRONMENT = "environment", "GITHUB_TOKEN of the command line"

    class Rejection(models.TextChoices):
        SUSPENDED = "suspended", "The GitHub App is suspended"
        REMOVED = "removed", "The GitHub App was removed"
        APP = "app", "GitHub does not accept what the GitHub App signs"

    provider = models.CharField(max_length=50, default="github")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    account_id = models.BigIntegerField(null=True, help_text="GitHub's id of whose token it is.")
    account_login = models.CharField(max_length=100, blank=True)
    connected_at = models.DateTimeField(auto_now_add=True)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    installation_id = models.BigIntegerField(
        null=True, blank=True, help_text="Of a GitHub App; its tokens are made when needed."
    )
    rejected_at = models.DateTimeField(
        null=True, blank=True, help_text="When GitHub refused it; nothing is asked with it since."
    )
    rejection = models.CharField(max_length=20, choices=Rejection.choices, blank=True)
    rejection_said = models.TextField(blank=True, help_text="What GitHub said, and what to do.")

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} of {self.account_login or 'unknown'}"


class GitHubIntegration(BaseTeamModel):
    """An organisation or account on GitHub that the team connected."""

    credential = models.ForeignKey(
        IntegrationCredential, models.CASCADE, related_name="integrations"
    )
    organization_slug = models.CharField(max_length=100)
    organization_id = models.BigIntegerField()
    account_type = models.CharField(max_length=20, default="Organization")
    avatar_url = models.URLField(max_length=500, blank=True)
    track_new = models.BooleanField(default=False)
    track_patterns = models.JSONField(default=list)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    sync_status = models.CharField(
        max_length=20, choices=SyncStatus.choices, default=SyncStatus.PENDING
    )
    disconnected_at = models.DateTimeField(null=True, blank=True)
    poll_due_at = models.DateTimeField(null=True, blank=True)
    poll_reached = models.BigIntegerField(
        default=0, help_text="The last repository that the poll under way has asked for."
    )
    sweep_due_at = models.DateTimeField(null=True, blank=True)
    members_synced_at = models.DateTimeField(null=True, blank=True)
    production_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When to ask for new deployments and releases."
    )
    members_due_at = models.DateTimeField(null=True, blank=True)
    repositories_synced_at = models.DateTimeField(null=True, blank=True)
    discovery_error = models.TextField(blank=True)
    listing_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when repositories are being listed, if they are."
    )
    listing_next = models.TextField(blank=True, help_text="The page of that list to go on with.")
    wants_one_hook = models.BooleanField(
        default=False, help_text="One hook of the organisation instead of one a repository."
    )
    hook = models.ForeignKey(
        "Hook", models.SET_NULL, null=True, blank=True, related_name="integrations"
    )
    hook_error = models.TextField(blank=True, help_text="Why there is none.")
    hook_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the organisation's hook is to be looked after."
    )
    members = models.ManyToManyField(TeamMember, related_name="integrations", blank=True)

    class Meta:
        verbose_name = "GitHub integration"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "organization_id"], name="organization_once_a_team"
            )
        ]

    def __str__(self) -> str:
        return self.organization_slug


class AvailableRepository(BaseTeamModel):
    """A repository visible to the team's token, as last listed; the choices for tracking."""

    integration = models.ForeignKey(
        GitHubIntegration, models.CASCADE, related_name="available_repositories"
    )
    github_repo_id = models.BigIntegerField()
    node_id = models.CharField(max_length=100)
    full_name = models.CharField(max_length=255)
    is_private = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    is_fork = models.BooleanField(default=False)
    default_branch = models.CharField(max_length=255, blank=True)
    pushed_at = models.DateTimeField(null=True)
    pull_request_count = models.PositiveIntegerField(null=True)
    listed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "available repositories"
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "github_repo_id"], name="listed_once_an_organization"
            )
        ]

    def __str__(self) -> str:
        return self.full_name


class Farewell(models.Model):
    """Requests left for GitHub after a connection ended here, with a token kept for them alone.

    This token is used for nothing else. It is deleted when all is done, or at `gives_up_at`.
    """

    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    credential = models.ForeignKey(
        IntegrationCredential,
        models.CASCADE,
        null=True,
        related_name="farewells",
        help_text="Of another connection that goes on: its token does, and none is kept here.",
    )
    kind = models.CharField(max_length=20, choices=IntegrationCredential.Kind.choices)
    host = models.CharField(max_length=255)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    account_id = models.BigIntegerField(null=True)
    account_login = models.CharField(max_length=100, blank=True)
    hooks = models.JSONField(
        default=list, help_text="Those to delete: path, repository, repository_id."
    )
    is_to_revoke = models.BooleanField(default=False, help_text="Whether the token is still alive.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, help_text="Null: given up, or left to its owner.")
    gives_up_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0, help_text="In vain, in a row.")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Farewell to {self.account_login}: {len(self.hooks)} hooks"

    @property
    def has_given_up(self) -> bool:
        """Whether a person must do the rest by hand."""
        return self.due_at is None


class GitHubServer(models.Model):
    """An Enterprise Server, and which parts of GitHub's newer schema it reported."""

    url = models.CharField(max_length=255, unique=True)
    later_events = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.url


class RateBudget(models.Model):
    """What GitHub's rate limits leave an account, shared by all workers."""

    host = models.CharField(max_length=255)
    account = models.CharField(max_length=64, help_text="user:ID or installation:ID")
    resource = models.CharField(max_length=20, default="graphql")
    limit = models.PositiveIntegerField(null=True)
    remaining = models.IntegerField(null=True)
    reset_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True, help_text="GitHub wants a second between writes.")
    blocks = models.PositiveIntegerField(default=0, help_text="Secondary limits in a row.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host", "account", "resource"], name="one_budget")
        ]

    def __str__(self) -> str:
        return f"{self.host} {self.account} {self.resource}"
