"""Which worker does what, and when a failed chore may be retried."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """A worker's claim on a row for one kind of chore, with its expiry by the database's clock.

    If a worker is killed, another takes over when the lease has expired. A failed chore keeps its
    row without an owner, and no worker takes it before `not_before`.
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
