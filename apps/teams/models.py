"""Tenancy: every row of the other apps belongs to a team."""

from __future__ import annotations

import secrets
from typing import ClassVar, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.bounds import at_most, json_at_most, within

Row = TypeVar("Row", bound=models.Model)

MOST_OF_A_QUERY = 4_000  # characters of a stored query string: a filter's or a saved view's
MOST_OF_A_LIST = 125_000  # characters of JSON: fifty lines of 200, in any script


def _default_hotfix_labels() -> list[str]:
    return ["hotfix"]


def _default_hotfix_branches() -> list[str]:
    return ["hotfix/*"]


def _default_hotfix_titles() -> list[str]:
    return ["hotfix:*", "hotfix(*"]


def new_figures_key() -> str:
    """A random key."""
    return secrets.token_hex(16)


class Team(models.Model):
    """A group of people who see the same figures, and their settings for them."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="teams"
    )

    timezone = models.CharField(max_length=64, default="UTC")
    history_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="How far back pull requests are fetched; empty: all."
    )
    keep_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long pull requests are kept; empty: for good."
    )
    audit_days = models.PositiveIntegerField(
        default=365, help_text="How long entries of the audit log are kept."
    )
    prune_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When what is too old is looked for; null: never."
    )
    pruned_before = models.DateTimeField(
        null=True,
        blank=True,
        help_text="What ended and changed last before this is being deleted and counts no more.",
    )
    deleting_since = models.DateTimeField(
        null=True, blank=True, help_text="The team and all it has are being deleted."
    )
    deletion_left = models.PositiveIntegerField(
        default=0, help_text="Pull requests still to be deleted."
    )
    hotfix_labels = models.JSONField(default=_default_hotfix_labels)
    hotfix_branches = models.JSONField(default=_default_hotfix_branches)
    hotfix_titles = models.JSONField(default=_default_hotfix_titles)
    bot_logins = models.JSONField(default=list)
    excluded_repositories = models.JSONField(
        default=list, help_text="Patterns of full names; their pull requests leave every figure."
    )
    excluded_branches = models.JSONField(
        default=list, help_text="Patterns of base branches; what goes into them is left out too."
    )
    production_environments = models.JSONField(
        default=list,
        help_text="Patterns of environments that are production besides those known by name.",
    )
    # The team's own AI marks, one a line: the text to look for, and the tool after ` = `.
    ai_logins = models.JSONField(default=list)
    ai_trailers = models.JSONField(default=list)
    ai_branches = models.JSONField(default=list)
    ai_labels = models.JSONField(default=list)
    ai_ignored = models.JSONField(default=list, help_text="Tools whose marks do not count.")
    are_people_private = models.BooleanField(
        default=False, help_text="Figures on a single person are for admins and that person."
    )
    require_second_factor = models.BooleanField(default=False)
    recalculate_from = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Pull requests whose row has a higher id still follow former settings.",
    )

    revision = models.PositiveBigIntegerField(
        default=0, help_text="Counts changes that figures depend on, but for pull requests."
    )
    figures_key = models.CharField(
        max_length=32,
        default=new_figures_key,
        help_text="Names what is kept for figures: another one makes it useless.",
    )

    class Meta:
        constraints = [
            *at_most(100, "name"),
            *at_most(80, "slug"),
            *at_most(64, "timezone"),
            *json_at_most(MOST_OF_A_LIST, "hotfix_labels", "hotfix_branches", "hotfix_titles"),
            *json_at_most(MOST_OF_A_LIST, "bot_logins"),
            *json_at_most(MOST_OF_A_LIST, "excluded_repositories", "excluded_branches"),
            *json_at_most(MOST_OF_A_LIST, "production_environments"),
            *json_at_most(MOST_OF_A_LIST, "ai_logins", "ai_trailers", "ai_branches", "ai_labels"),
            *json_at_most(MOST_OF_A_LIST, "ai_ignored"),
            within("audit_days", 90, 1825),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def window_days(self) -> int | None:
        """How far back pull requests are fetched; not what retention would delete at once."""
        days = [each for each in (self.history_days, self.keep_days) if each]
        return min(days, default=None)


class Membership(models.Model):
    """A user's role in a team."""

    class Role(models.TextChoices):
        ADMIN = "admin", "Admin"
        MEMBER = "member", "Member"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)
    last_opened_at = models.DateTimeField(
        null=True, blank=True, help_text="When this person last switched to the team."
    )
    invitation = models.ForeignKey(
        "Invitation",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="By which this person came in; it ends when they go.",
    )
    last_filter = models.TextField(
        blank=True, help_text="What this person's pages of figures open with, as an address has it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_role_a_team"),
            *at_most(10, "role"),
            *at_most(MOST_OF_A_QUERY, "last_filter"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}: {self.role}"

    @property
    def is_admin(self) -> bool:
        """Whether this person may configure the team."""
        return self.role == self.Role.ADMIN


class TeamQuerySet(models.QuerySet[Row]):
    """Rows that belong to a team."""

    def for_team(self, team: Team) -> Self:
        """Only this team's."""
        return self.filter(team=team)


TeamManager = models.Manager.from_queryset(TeamQuerySet)


class BaseTeamModel(models.Model):
    """Base class of every row that belongs to a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TeamManager[Self]] = TeamManager()

    class Meta:
        abstract = True


class Invitation(BaseTeamModel):
    """Lets the holder of its link join the team until it expires; an e-mail invitation works once.

    Only a hash of the link is stored.
    """

    key_hash = models.CharField(max_length=64, unique=True)
    email = models.EmailField(blank=True)
    role = models.CharField(
        max_length=10, choices=Membership.Role.choices, default=Membership.Role.MEMBER
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [*at_most(64, "key_hash"), *at_most(254, "email"), *at_most(10, "role")]

    def __str__(self) -> str:
        return f"{self.email or 'Link'} to {self.team}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be accepted."""
        return not self.closed_reason

    @property
    def closed_reason(self) -> str:
        """Why it can no longer be accepted: used, revoked or expired; empty while it can.

        It also closes once its creator may no longer invite.
        """
        if self.revoked_at or not self._is_maker_admin():
            return "revoked"
        if self.email and self.accepted_at:
            return "used"
        return "expired" if self.expires_at <= timezone.now() else ""

    def _is_maker_admin(self) -> bool:
        if self.invited_by_id is None:
            return False
        return Membership.objects.filter(
            team_id=self.team_id,
            user_id=self.invited_by_id,
            role=Membership.Role.ADMIN,
            user__is_active=True,
        ).exists()


class ApiKey(BaseTeamModel):
    """Lets a program read the team's figures in a member's name; only its hash is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="What it begins with, to tell keys apart.")
    key_hash = models.CharField(max_length=64, unique=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [*at_most(100, "name"), *at_most(12, "prefix"), *at_most(64, "key_hash")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
