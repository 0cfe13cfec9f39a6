"""Tells the workers to look into the database now, rather than at the next tick."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import KombuError

log = logging.getLogger(__name__)


def nudge() -> None:
    """Sends a message that says "look"; one that is lost only costs a few seconds."""
    try:
        current_app.send_task("apps.integrations.tasks.look_for_due_work", expires=30, retry=False)
    except (KombuError, OSError) as error:
        log.warning("The broker cannot be reached (%s); work begins at the next tick.", error)
