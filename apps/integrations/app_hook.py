"""What the GitHub App's hook missed is asked for again, as the App itself.

https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from apps.integrations import budget, github_app
from apps.integrations.github.errors import GitHubError, WaitError
from apps.integrations.models import GitHubIntegration, Hook, IntegrationCredential
from apps.integrations.redelivery import redeliver
from apps.integrations.registration import is_reachable

log = logging.getLogger(__name__)

DELIVERIES = "/app/hook/deliveries"
LOOK_EVERY = timedelta(hours=1)
TRY_AGAIN = timedelta(minutes=2)
TAKEN_FOR = timedelta(minutes=1)


def is_due(now: datetime) -> bool:
    """Whether something is to be asked for by then."""
    return _due(now) is not None


def look_after(now: datetime) -> bool:
    """Asks for one delivery that the App's hook missed; False when it is not due."""
    due = _due(now)
    if due is None:
        return False
    app, hook = due
    mine = Hook.objects.filter(pk=hook.pk)
    taken_until = now + TAKEN_FOR
    if mine.filter(redelivery_due_at=hook.redelivery_due_at).update(redelivery_due_at=taken_until):
        due_at = _ask(app, hook, now)
        mine.filter(redelivery_due_at=taken_until).update(redelivery_due_at=due_at)
    return True


def _due(now: datetime) -> tuple[github_app.App, Hook] | None:
    app = github_app.current() if is_reachable() and _is_used() else None
    if app is None or not app.webhook_secret:
        return None
    # It may never have delivered anything: then there is no row yet.
    hook = github_app.row_of_hook(app.app_id)
    is_later = hook.redelivery_due_at and hook.redelivery_due_at > now
    return None if is_later else (app, hook)


def _is_used() -> bool:
    return GitHubIntegration.objects.filter(
        credential__kind=IntegrationCredential.Kind.APP,
        credential__rejected_at=None,
        disconnected_at=None,
    ).exists()


def _ask(app: github_app.App, hook: Hook, now: datetime) -> datetime:
    """Asks GitHub; when it is to be asked again, at least a second later."""
    due_at = now + LOOK_EVERY
    try:
        with github_app.conversation(app) as github:
            due_at = min(filter(None, (redeliver(github, DELIVERIES, hook, now), due_at)))
    except GitHubError as error:
        log.info("What the GitHub App's hook missed could not be asked for: %s", error)
        if isinstance(error, WaitError):
            due_at = error.until
        elif error.retryable:
            due_at = now + TRY_AGAIN
    return max(due_at, timezone.now() + budget.BETWEEN_WRITES)
