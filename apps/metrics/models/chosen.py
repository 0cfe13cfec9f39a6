"""What members set up: a weekly mail, and saved lists."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from apps.bounds import at_most
from apps.teams.models import MOST_OF_A_QUERY, BaseTeamModel, Membership


class Digest(BaseTeamModel):
    """The weekly mail to a member who switched it on; it ends with their membership."""

    membership = models.OneToOneField(Membership, models.CASCADE, related_name="digest")
    due_at = models.DateTimeField(db_index=True, help_text="When the next one is to be sent.")
    held_until = models.DateTimeField(
        null=True, help_text="A worker sends it, or it is tried again then."
    )
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Digest to {self.membership}"


class Note(BaseTeamModel):
    """An event on a day, such as a new tool; all charts over time show it."""

    day = models.DateField()
    text = models.CharField(max_length=80)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[Any]] = ["day", "id"]
        constraints = [*at_most(80, "text")]

    def __str__(self) -> str:
        return f"{self.day}: {self.text}"


class SavedView(BaseTeamModel):
    """A saved list of the explorer, for the whole team."""

    name = models.CharField(max_length=100)
    query = models.TextField(help_text="What its address says behind the question mark.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[Any]] = [Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint("team", Lower("name"), name="view_name_once_a_team"),
            *at_most(100, "name"),
            *at_most(MOST_OF_A_QUERY, "query"),
        ]

    def __str__(self) -> str:
        return self.name
