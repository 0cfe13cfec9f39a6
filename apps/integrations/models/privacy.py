"""Hashed data, and data to be deleted."""

from __future__ import annotations

from django.db import models

from apps.integrations.encryption import EncryptedTextField
from apps.integrations.models.connections import GitHubIntegration
from apps.metrics.models import Repository
from apps.teams.models import BaseTeamModel, Team


class TeamKey(models.Model):
    """A team's own random key: hashes made with it can be compared, but not guessed."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="+")
    key = EncryptedTextField()

    def __str__(self) -> str:
        return f"Key of {self.team}"


class CommitIdentity(models.Model):
    """The author names and addresses in an account's commits, hashed, for comparison only."""

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


class CoAuthor(models.Model):
    """GitHub's answer whose account an address in a commit message is, hashed."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+", db_index=False)
    address_hash = models.CharField(max_length=32)
    github_id = models.BigIntegerField(null=True)
    login = models.CharField(max_length=100, null=True)  # noqa: DJ001 null: nobody's

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "address_hash"], name="asked_once")]

    def __str__(self) -> str:
        return f"Address of {self.login or 'nobody known'}"


class ForgottenAccount(BaseTeamModel):
    """An account whose identity was removed and is not stored again: its id, hashed."""

    id_hash = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "id_hash"], name="forgotten_once")]

    def __str__(self) -> str:
        return f"Forgotten in {self.team}"


class Erasure(models.Model):
    """Data that a user asked to delete and that remains: of a repository or a connection."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    repository = models.OneToOneField(Repository, models.CASCADE, null=True, related_name="+")
    integration = models.OneToOneField(
        GitHubIntegration, models.CASCADE, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Deletion of {self.repository or self.integration}"
