"""Where the data comes from: credentials, organisations, tracked repositories, runs and budgets."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.integrations.encryption import EncryptedTextField
from apps.metrics.models import Repository, TeamMember
from apps.teams.models import BaseTeamModel, Team


class SyncStatus(models.TextChoices):
    """Where a sync stands, for a repository, an organisation or a run."""

    PENDING = "pending"
    SYNCING = "syncing"
    WAITING = "waiting"
    COMPLETE = "complete"
    ERROR = "error"


class GitHubApp(models.Model):
    """The GitHub App of this whole installation, where its manifest made it: one a GitHub."""

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
    """A key to somebody else's system, encrypted at rest."""

    class Kind(models.TextChoices):
        OAUTH = "oauth", "OAuth"
        TOKEN = "token", "Personal access token"
        APP = "app", "GitHub App"
        ENVIRONMENT = "environment", "GITHUB_TOKEN of the command line"

    class Rejection(models.TextChoices):
        SUSPENDED = "suspended", "The GitHub App is suspended"
        REMOVED = "removed", "The GitHub App was removed"

    provider = models.CharField(max_length=50, default="github")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    refreshing_until = models.DateTimeField(null=True, blank=True)
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
    looked_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last asked whether a suspension is over."
    )

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
    sweep_due_at = models.DateTimeField(null=True, blank=True)
    members_synced_at = models.DateTimeField(null=True, blank=True)
    members_due_at = models.DateTimeField(null=True, blank=True)
    repositories_synced_at = models.DateTimeField(null=True, blank=True)
    discovery_error = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
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
    """A repository that the team's token can see, as last listed; what can be chosen from."""

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


class SyncRun(BaseTeamModel):
    """Why and when something was synced, what it took, and how it ended."""

    class Reason(models.TextChoices):
        FIRST = "first", "Repositories were chosen"
        MANUAL = "manual", "Somebody asked"
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


class Hook(models.Model):
    """A webhook on GitHub, of a repository or an organisation, shared by the teams that use it."""

    host = models.CharField(max_length=255)
    github_repo_id = models.BigIntegerField(null=True, help_text="Whose it is; or else …")
    organization_id = models.BigIntegerField(null=True, help_text="… the organisation's; or …")
    app_id = models.BigIntegerField(null=True, help_text="… the GitHub App's.")
    hook_id = models.BigIntegerField(null=True, help_text="GitHub's; null until it is known.")
    secret = EncryptedTextField()
    # Deliveries that were signed before a rotation arrive after it.
    previous_secret = EncryptedTextField(blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    is_secret_told = models.BooleanField(default=False, help_text="Whether GitHub has `secret`.")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, help_text="When its first delivery came.")
    listed_until = models.DateTimeField(
        null=True, help_text="Attempts up to then were read from GitHub's list."
    )
    deliveries_etag = models.CharField(
        max_length=255, blank=True, help_text="Of that list's first page, as it was read."
    )
    redelivery_due_at = models.DateTimeField(
        null=True, help_text="When the App's list is to be read; the others' with their hooks."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host", "hook_id"], name="one_row_a_hook"),
            models.UniqueConstraint(
                fields=["host", "github_repo_id"], name="one_hook_a_repository"
            ),
            models.UniqueConstraint(
                fields=["host", "organization_id"], name="one_hook_an_organization"
            ),
            models.UniqueConstraint(fields=["host", "app_id"], name="one_hook_an_app"),
        ]

    def __str__(self) -> str:
        return f"{self.host} hook {self.hook_id}"


class WebhookDelivery(models.Model):
    """What GitHub told a hook, as it came; the GUID names the event, whichever hook it went to."""

    class State(models.TextChoices):
        RECEIVED = "received"
        HANDLED = "handled"
        IGNORED = "ignored"
        FAILED = "failed"

    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries")
    guid = models.CharField(max_length=64)
    event = models.CharField(max_length=60)
    action = models.CharField(max_length=60, blank=True)
    payload = models.TextField(help_text="The verified JSON.")
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    handled_at = models.DateTimeField(null=True)
    github_repo_id = models.BigIntegerField(null=True, help_text="The repository it is about.")
    installation_id = models.BigIntegerField(
        null=True, help_text="The GitHub App's installation it is about."
    )
    number = models.PositiveIntegerField(null=True, help_text="The pull request it is about.")
    happened_at = models.DateTimeField(null=True, help_text="The event's own instant on GitHub.")
    visible_at = models.DateTimeField(null=True, help_text="When the row here showed it.")

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["hook", "guid"], name="event_once_a_hook")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at"],
                name="delivery_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.guid}"


class MissedDelivery(models.Model):
    """What GitHub could not deliver to a hook and is asked to send again."""

    hook = models.ForeignKey(Hook, models.CASCADE, related_name="missed")
    guid = models.CharField(max_length=64)
    attempt_id = models.BigIntegerField(help_text="GitHub's, of the latest attempt.")
    event = models.CharField(max_length=60, blank=True)
    status = models.CharField(max_length=100, blank=True, help_text="In GitHub's words.")
    missed_at = models.DateTimeField(help_text="When GitHub first tried.")
    asked = models.PositiveIntegerField(default=0, help_text="How often it was to be sent again.")
    due_at = models.DateTimeField(null=True, help_text="Null: it is left to the poll.")
    installation_id = models.BigIntegerField(
        null=True, help_text="The GitHub App's installation it is about."
    )

    class Meta:
        verbose_name_plural = "missed deliveries"
        constraints = [models.UniqueConstraint(fields=["hook", "guid"], name="missed_once_a_hook")]

    def __str__(self) -> str:
        return f"{self.event} {self.guid}"


class TrackedRepository(BaseTeamModel):
    """A repository selected for tracking, and how far its sync has come.

    What has an `updatedAt` above `watermark` is left to the next walk from the top (`head_…`); what
    lies between it and `reached_at` is stored; below that, `history_cursor` goes on, down to the
    team's history window (then `history_floor`) or to the end (then `history_complete`).
    """

    integration = models.ForeignKey(
        GitHubIntegration, models.CASCADE, related_name="tracked_repositories"
    )
    repository = models.OneToOneField(Repository, models.CASCADE, related_name="tracking")
    github_repo_id = models.BigIntegerField()
    full_name = models.CharField(max_length=255)
    is_active = models.BooleanField(default=True)

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
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="After a failure or a limit: nothing is asked until then."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=40, blank=True)
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
    points = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tracked repositories"
        constraints = [
            models.UniqueConstraint(fields=["team", "github_repo_id"], name="tracked_once_a_team")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["is_active", "due_at"])]

    def __str__(self) -> str:
        return self.full_name


class StalePullRequest(BaseTeamModel):
    """A pull request that must be fetched anew, by its node id."""

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
    """Of a day, how many fields of pull requests fetched anew were what is stored."""

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


class TeamKey(models.Model):
    """A team's own random key: what is kept hashed can be compared with it, and not guessed."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="+")
    key = EncryptedTextField()

    def __str__(self) -> str:
        return f"Key of {self.team}"


class CommitIdentity(models.Model):
    """What an account's commits said of their author, hashed: enough to see what is equal."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    github_id = models.BigIntegerField()
    login = models.CharField(max_length=100)
    email_hash = models.CharField(max_length=32, blank=True)
    domain_hash = models.CharField(max_length=32, blank=True)
    name_hash = models.CharField(max_length=32, blank=True)

    class Meta:
        verbose_name_plural = "commit identities"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "github_id", "email_hash", "name_hash"], name="said_once"
            )
        ]

    def __str__(self) -> str:
        return f"Commits of {self.login}"


class ForgottenAccount(BaseTeamModel):
    """An account whose identity was removed and is not stored again: its id, hashed."""

    id_hash = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "id_hash"], name="forgotten_once")]

    def __str__(self) -> str:
        return f"Forgotten in {self.team}"


class Farewell(models.Model):
    """What is left to do on GitHub after a connection ended here, with a token kept for it alone.

    Nothing else asks GitHub with this token. It is dropped when all is done, or at `gives_up_at`.
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
        """Whether somebody must do the rest by hand."""
        return self.due_at is None


class Erasure(models.Model):
    """What somebody asked to delete and is not gone yet: a repository, or a connection's people."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    repository = models.OneToOneField(Repository, models.CASCADE, null=True, related_name="+")
    integration = models.OneToOneField(
        GitHubIntegration, models.CASCADE, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Deletion of {self.repository or self.integration}"


class RateBudget(models.Model):
    """What GitHub still grants an account, shared by all workers."""

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


def secret_fields(model: type[models.Model]) -> list[str]:
    """Names of a model's encrypted fields."""
    fields: list[Any] = list(model._meta.get_fields())
    return [field.name for field in fields if isinstance(field, EncryptedTextField)]
