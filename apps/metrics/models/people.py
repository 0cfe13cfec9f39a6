"""People and bots of the team's organisations, and accounts that belong to one person."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from apps.teams.models import BaseTeamModel


class TeamMember(BaseTeamModel):
    """A person or bot of the team's organisations, matched by GitHub's numeric id alone."""

    github_id = models.BigIntegerField()
    github_username = models.CharField(max_length=100)
    name = models.CharField(max_length=255, blank=True)
    email = models.EmailField(blank=True)
    avatar_url = models.URLField(max_length=500, blank=True)
    role = models.CharField(max_length=20, blank=True, help_text="In the organisation on GitHub.")
    is_bot = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_hidden = models.BooleanField(
        default=False, help_text="Switched off by an admin: left out of the figures on people."
    )
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "github_id"], name="member_once_a_team")
        ]

    def __str__(self) -> str:
        return self.name or self.github_username


class SamePerson(BaseTeamModel):
    """An admin's decision whether an account on GitHub belongs to a member."""

    github_id = models.BigIntegerField()
    login = models.CharField(max_length=100, help_text="As it was when that was decided.")
    member = models.ForeignKey(TeamMember, models.CASCADE, related_name="other_accounts")
    is_same = models.BooleanField(help_text="False: not to be suggested again.")
    reason = models.CharField(max_length=200, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "same persons"
        constraints = [
            models.UniqueConstraint(fields=["team", "github_id", "member"], name="decided_once"),
            models.UniqueConstraint(
                fields=["team", "github_id"],
                name="one_person_an_account",
                condition=models.Q(is_same=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.login} {'is' if self.is_same else 'is not'} {self.member}"


class Group(BaseTeamModel):
    """A team within an organisation on GitHub, or one of our own, for grouping and filtering.

    One of our own has no id, and a slug that begins with `own-`.
    """

    github_id = models.BigIntegerField(null=True)
    organization_id = models.BigIntegerField(null=True)
    slug = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    members = models.ManyToManyField(TeamMember, related_name="groups")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "github_id"], name="group_once_a_team")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_own(self) -> bool:
        """Whether the team created it here."""
        return self.github_id is None
