"""Webhooks on GitHub, their deliveries, and missed deliveries."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.integrations.encryption import EncryptedTextField


class Hook(models.Model):
    """A webhook on GitHub, of a repository or an organisation, shared by the teams that use it."""

    host = models.CharField(max_length=255)
    github_repo_id = models.BigIntegerField(null=True, help_text="Whose it is; or else …")
    organization_id = models.BigIntegerField(null=True, help_text="… the organisation's; or …")
    app_id = models.BigIntegerField(null=True, help_text="… the GitHub App's.")
    hook_id = models.BigIntegerField(null=True, help_text="GitHub's; null until it is known.")
    secret = EncryptedTextField()
    # Deliveries signed before a rotation can arrive after it.
    previous_secret = EncryptedTextField(blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    is_secret_sent = models.BooleanField(default=False, help_text="Whether GitHub has `secret`.")
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
    """A delivery to a hook; the GUID identifies the event, whichever hooks it went to."""

    class State(models.TextChoices):
        RECEIVED = "received"
        HANDLED = "handled"
        IGNORED = "ignored"
        FAILED = "failed"

    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries")
    guid = models.CharField(max_length=64)
    event = models.CharField(max_length=60)
    action = models.CharField(max_length=60, blank=True)
    payload = EncryptedTextField(
        blank=True, help_text="What handling needs of the verified JSON, until it is done."
    )
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
    """A delivery that GitHub could not make and is asked to repeat."""

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
