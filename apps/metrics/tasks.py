"""Celery's task of the digests, which only checks the database and does what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celery import shared_task

from apps.metrics.pages import digest_mail

LOOK_FOR = timedelta(seconds=50)


@shared_task
def send_digests() -> None:
    """Sends what is due, for less than a minute."""
    ends = datetime.now(UTC) + LOOK_FOR
    while datetime.now(UTC) < ends and digest_mail.send_due(datetime.now(UTC)):
        pass
