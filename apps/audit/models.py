"""An append-only record of who did what, when and from where."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One thing that somebody did; `details` never holds a secret.

    The database refuses changes too (a trigger), but for what `history.scrub` does.
    """

    at = models.DateTimeField(auto_now_add=True)
    team = models.ForeignKey("teams.Team", models.SET_NULL, null=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    actor_email = models.EmailField(blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)
    object_name = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["team", "-at"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("The audit log is append-only.")
        super().save(*args, **kwargs)

    @property
    def shown_details(self) -> list[tuple[str, Any]]:
        """What there is to say beside the object, without what is empty."""
        return [
            (
                name.replace("_", " "),
                ", ".join(map(str, value))
                if isinstance(value, list)
                else ("yes" if value is True else value),
            )
            for name, value in self.details.items()
            if value not in (None, "", [], {}, False) and name != "run"
        ]
