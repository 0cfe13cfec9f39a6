"""An append-only record of who did what, when and from where."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from apps.bounds import at_most, json_at_most

MOST_DETAILS = 200_000  # characters


class AuditEvent(models.Model):
    """One action of a user or of the program; `details` never holds a secret.

    The database refuses changes too (`triggers`), so ids of deleted teams and users stay.
    """

    at = models.DateTimeField(auto_now_add=True)
    team = models.ForeignKey(
        "teams.Team", models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
    )
    actor_email = models.EmailField(blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)
    object_name = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["team", "-at"])]
        constraints = [
            *at_most(254, "actor_email"),
            *at_most(60, "action"),
            *at_most(255, "object_name"),
            *json_at_most(MOST_DETAILS, "details"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("The audit log is append-only.")
        super().save(*args, **kwargs)

    @property
    def shown_details(self) -> list[tuple[str, Any]]:
        """The details to show next to the object, without empty ones.

        For a change, `said` maps each label to the old and the new value as people read them.
        """
        said = self.details.get("said")
        if said:
            return [(label, f"{old} → {new}") for label, (old, new) in said.items()]
        # # Entries from before `said` existed.
        details = {**self.details, **(self.details.get("changed") or {})}
        return [
            (name.replace("_", " "), _in_words(value))
            for name, value in details.items()
            if value not in (None, "", [], {}, False) and name not in ("run", "changed")
        ]


def _in_words(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "yes" if value is True else value
