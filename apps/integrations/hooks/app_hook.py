"""The GitHub App's hook leads here, and what it missed is asked for again: as the App itself.

https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from apps.integrations.access import github_app
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError, WaitError
from apps.integrations.hooks import redelivery, registration
from apps.integrations.models import GitHubIntegration, Hook, IntegrationCredential
from apps.integrations.work import budget

log = logging.getLogger(__name__)

CONFIG = "/app/hook/config"
DELIVERIES = "/app/hook/deliveries"
LOOK_EVERY = timedelta(hours=1)
TRY_AGAIN = timedelta(minutes=2)
TAKEN_FOR = timedelta(minutes=1)


def is_due(now: datetime) -> bool:
    """Whether something is to be asked for by then."""
    return _due(now) is not None


def look_after(now: datetime) -> bool:
    """Leads the App's hook here, or asks for one delivery that it missed; False: nothing is due."""
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
    app = github_app.current() if registration.is_reachable() and _is_used() else None
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
            if _lead_here(github, app, hook, now):
                due_at = now
            else:
                again_at = redelivery.redeliver(github, DELIVERIES, hook, now)
                due_at = min(filter(None, (again_at, due_at)))
    except GitHubError as error:
        log.info("The GitHub App's hook could not be looked after: %s", error)
        if isinstance(error, WaitError):
            due_at = error.until
        elif error.retryable:
            due_at = now + TRY_AGAIN
    return max(due_at, timezone.now() + budget.BETWEEN_WRITES)


def _lead_here(github: GitHub, app: github_app.App, hook: Hook, now: datetime) -> bool:
    """Sees to it that the hook of the App that we made leads here; True where it did not."""
    if not app.is_from_manifest:
        return False  # Its owner keeps the address.
    if hook.is_secret_told and redelivery.is_waiting(hook, now):
        return False  # Not before each of many deliveries that are asked for a second apart.
    is_elsewhere = github.get(CONFIG).data.get("url") != registration.address()
    if is_elsewhere:
        github.rest("PATCH", CONFIG, json=registration.hook_config(app.webhook_secret))
    Hook.objects.filter(pk=hook.pk).update(is_secret_told=True)
    return bool(is_elsewhere)
