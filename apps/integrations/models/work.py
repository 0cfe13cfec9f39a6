"""Who does what just now, and when what failed may be tried again."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """A row that a worker has taken for one kind of chore, until when, by the database's clock.

    A worker that was killed is followed by another when the lease has run out. What failed stays
    here without an owner, and nobody takes it before `not_before`.
    """

    chore = models.CharField(max_length=40)
    key = models.BigIntegerField(help_text="Of the row that the chore is done for.")
    owner = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chore", "key"], name="taken_once")]

    def __str__(self) -> str:
        return f"{self.chore} {self.key}"
